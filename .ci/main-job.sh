#!/usr/bin/env bash
# The main job on real parts, from sticker to alert: labels are minted, printed, rendered, read and photographed; a customer
# reports a fault with a photo, and the phones of both sides ring, here those of the FCM fake of the tests.
#
#     .ci/main-job.sh [PATH OF A BUILT tagwerk]
#
# Everything stands in a temporary folder and on ports that the system chooses. The first miss ends it with exit code 1.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tmp=$(mktemp -d)
demo=
fake=
cleanup() {
	code=$?
	trap - EXIT
	[[ -z $demo ]] || stop "$demo"
	[[ -z $fake ]] || stop "$fake"
	if ((code != 0)); then
		[[ ! -s $tmp/demo.err ]] || tail -n 20 "$tmp/demo.err" >&2
		printf '%d passed, 1 failed\n' "$passed"
	fi
	rm -rf "$tmp"
	exit "$code"
}
source .ci/http.sh
trap cleanup EXIT
trap 'exit 130' INT TERM
trap 'printf "line %d failed: %s\n" "$LINENO" "$BASH_COMMAND" >&2' ERR
need curl jq pdftoppm zbarimg oathtool

dpi=300
labels=24

# next_code prints a code of the right form that nobody minted: 12 random symbols and the Damm check over GF(32) with x^5+x^2+1
# (standards.md 1.1), computed here once more so that the script does not believe what it tests.
next_code() {
	local alphabet=0123456789ABCDEFGHJKMNPQRSTVWXYZ check=0 text= byte symbol
	for byte in $(od -An -N12 -tu1 /dev/urandom); do
		symbol=$((byte & 31))
		text+=${alphabet:symbol:1}
		check=$(((check ^ symbol) << 1))
		((check < 32)) || check=$((check ^ 37))
	done
	printf '%s%s\n' "$text" "${alphabet:check:1}"
}

# sign_in EMAIL [OTP] leaves the answer of POST /v1/sessions.
sign_in() {
	json POST /v1/sessions '' "$(jq --arg email "$1" --arg otp "${2-}" -nc --slurpfile demo "$tmp/demo.out" \
		'$demo[0].users[] | select(.email == $email) | {email, password} + if $otp == "" then {} else {otp: $otp} end')"
}

# token EMAIL prints the token of a new session.
token() {
	sign_in "$1"
	want 201 "sign-in of $1"
	value .token
}

# rings TOKEN COUNT waits until the fake has as many messages for a device, and fails if it gets more or refused any.
rings() {
	local tries count=0
	for ((tries = 0; tries < 200; tries++)); do
		curl -sS --noproxy '*' "$fcm/received" >"$tmp/received"
		[[ $(jq '.violations | length' "$tmp/received") == 0 ]] || fail "FCM would refuse: $(jq -c .violations "$tmp/received")"
		count=$(jq --arg token "$1" '[.messages[] | select(.token == $token)] | length' "$tmp/received")
		((count < $2)) || break
		sleep 0.05
	done
	[[ $count == "$2" ]] || fail "$1 has $count messages instead of $2: $(jq -c .messages "$tmp/received")"
}

# last_body TOKEN prints the text of the device's last message.
last_body() {
	jq -r --arg token "$1" '[.messages[] | select(.token == $token)] | last.body' "$tmp/received"
}

# --- start

tagwerk=${1-}
if [[ -z $tagwerk ]]; then
	tagwerk=$tmp/tagwerk
	CGO_ENABLED=0 go build -buildvcs=false -o "$tagwerk" ./cmd/tagwerk
fi
go build -buildvcs=false -o "$tmp/fcmfake" ./server/internal/notify/push/fcmfake/cmd

touch "$tmp"/{fake,demo}.{out,err}
"$tmp/fcmfake" --listen 127.0.0.1:0 --credentials "$tmp/fcm.json" >"$tmp/fake.out" 2>"$tmp/fake.err" &
fake=$!
fcm=$(first_line "$tmp/fake.out" "$fake" | jq -er .url)
[[ -s $tmp/fcm.json ]] || fail "the FCM fake wrote no credentials"
ok "FCM fake listens on $fcm"

started=${EPOCHREALTIME/./}
"$tagwerk" demo --json --listen 127.0.0.1:0 --data "$tmp/data" --fcm-credentials "$tmp/fcm.json" --fcm-endpoint "$fcm" >"$tmp/demo.out" 2>"$tmp/demo.err" &
demo=$!
url=$(first_line "$tmp/demo.out" "$demo" | jq -er .url)
call GET /readyz ''
want 200 "the server is ready"
ok "demo serves on $url $(((${EPOCHREALTIME/./} - started) / 1000)) ms after its start"

staff=dispo@nordlicht.example         # dispatcher of the Hamburg branch
technician=technik@nordlicht.example  # of the same branch
reporter=haustechnik@elbklinik.example # customer with all four grants on the asset
buyer=einkauf@elbklinik.example       # customer with the due dates of the same asset only
nobody=reception@vastkusten.example   # customer of another company, without any grant
[[ $(jq -r '[.users[] | select(.role == "customer")][0].email' "$tmp/demo.out") == "$reporter" ]] || fail "the first customer of the demo is not $reporter"

staff_token=$(token "$staff")
call GET /v1/me "$staff_token"
want 200 "who am I"
holds "staff are staff" '.role == "dispatcher" and .provider != ""'
ok "staff of the Hamburg branch are signed in"

json PUT /v1/devices/desk-phone "$staff_token" '{"fcm_token":"ok-staff-phone","platform":"android","locale":"de"}'
want 200 "register the staff's phone"
ok "the staff's phone is registered"

# --- mint, print, read

call GET '/v1/assets?limit=200' "$staff_token"
want 200 "list assets"
asset=$(value "[.items[] | select(.components == $labels)][0].id")
call GET "/v1/assets/$asset/components?limit=200" "$staff_token"
want 200 "list components"
components=$(value '[.items[].id]')
json POST /v1/tags "$staff_token" "{\"components\":$components}"
want 201 "mint labels"
holds "every component has one label" --argjson components "$components" '([.labels[].component] | sort) == ($components | sort)'
jq -r '.labels[].code' "$tmp/body" | sort -u >"$tmp/minted"
first=$(value '.labels[0].code')
first_component=$(value '.labels[0].component')
jq -c '[.labels[].code]' "$tmp/body" >"$tmp/codes"
[[ $(wc -l <"$tmp/minted") == "$labels" ]] || fail "$(wc -l <"$tmp/minted") different codes instead of $labels"
if grep -Evq '^[0-9A-HJKMNP-TV-Z]{13}$' "$tmp/minted"; then fail "not 13 symbols each: $(cat "$tmp/minted")"; fi
ok "$labels labels minted, bound to $labels components"

json POST /v1/label-sheets "$staff_token" "{\"stock\":\"L6009\",\"codes\":$(cat "$tmp/codes")}" -H 'Accept: application/pdf'
want 200 "print the sheet"
[[ $(header Content-Type) == application/pdf && $(head -c 5 "$tmp/body") == %PDF- ]] || fail "the sheet is no PDF"
mv "$tmp/body" "$tmp/sheet.pdf"
ok "a sheet of L6009 as PDF, $(stat -c %s "$tmp/sheet.pdf") bytes"

pdftoppm -r "$dpi" -png "$tmp/sheet.pdf" "$tmp/page"
pages=("$tmp"/page*.png)
[[ ${#pages[@]} == 1 ]] || fail "${#pages[@]} pages instead of one"
{ zbarimg --nodbus -q --raw -Sdisable -Sqrcode.enable "${pages[0]}" || true; } | sort >"$tmp/read" # 4: no code in it
sed "s|^|${url^^}/T/|" "$tmp/minted" >"$tmp/expected"
diff "$tmp/expected" "$tmp/read" >"$tmp/diff" || fail "zbarimg read other codes than were minted: $(cat "$tmp/diff")"
ok "pdftoppm and zbarimg read $(wc -l <"$tmp/read") of $labels codes"

# The first label of the page, cut out by the die lines of its stock.
read -r x y width height < <(jq -r --argjson dpi "$dpi" '[.. | objects | select(.part? == "L6009")][0] |
	[.margin_left, .margin_top, .label_w, .label_h] | map(. / 25.4 * $dpi | floor) | join(" ")' labels/stock.json)
crop() { pdftoppm -singlefile -r "$dpi" -x "$x" -y "$y" -W "$width" -H "$height" "$1" "$tmp/sheet.pdf" "$tmp/label"; }
crop -png
crop -jpeg
pdftoppm -singlefile -r "$dpi" -x 0 -y 0 -W 200 -H 200 -png "$tmp/sheet.pdf" "$tmp/white"

# --- scan

reporter_token=$(token "$reporter")
call POST /v1/scan/photo "$reporter_token" -H 'Content-Type: image/png' --data-binary "@$tmp/label.png"
want 200 "photo as the body"
holds "the photo shows the first label" --arg code "$first" --arg url "${url^^}/T/$first" '.tag.code == $code and .payloads == [$url]'
cp "$tmp/body" "$tmp/by-body"
call POST /v1/scan/photo "$reporter_token" -F "photo=@$tmp/label.jpg;type=image/jpeg"
want 200 "photo in a form"
cmp -s "$tmp/body" "$tmp/by-body" || fail "photo in a form answers otherwise than as the body: $(cat "$tmp/body")"
ok "the photo of a label leads to its component, as the body (PNG) and in a form (JPEG)"

call GET "/v1/scan/$first" "$reporter_token"
want 200 "scan with all grants"
holds "all granted blocks" --arg code "$first" --arg component "$first_component" --arg asset "$asset" \
	'.tag.code == $code and .tag.state == "active" and .component.id == $component and .asset.id == $asset and (.due.component | type) == "string"
	and (.next_appointment.status | . == "planned" or . == "confirmed") and .open_faults == [] and (.fault_form.fault_types | length > 0)
	and (.fault_form.fault_types | all(.id != "internal")) and (.actions | any(.action == "report_fault"))'
fault_type=$(value '.fault_form.fault_types[0].id')
cp "$tmp/body" "$tmp/by-code"
json POST /v1/scan "$reporter_token" "{\"payload\":\"${url^^}/T/$first\",\"symbology\":\"QR\",\"source\":\"qr\"}"
want 200 "scan of the printed URL"
cmp -s "$tmp/body" "$tmp/by-code" || fail "the printed URL answers otherwise than its code: $(cat "$tmp/body")"
ok "with all grants: tag, component, asset, due, next_appointment, open_faults, fault_form"

buyer_token=$(token "$buyer")
call GET "/v1/scan/$first" "$buyer_token"
want 200 "scan with due dates only"
holds "exactly the granted blocks" 'keys == ["actions", "asset", "due", "provider", "tag"]'
for list in components appointments faults; do
	call GET "/v1/assets/$asset/$list" "$buyer_token"
	[[ $status == 403 || $status == 404 ]] || fail "$list without the grant: answer $status"
done
ok "with due dates only: asset and due, and no list but theirs"

# The same answer for a label that exists and one that does not: body, status, and headers but for those that change each time.
unminted=$(next_code)
call GET "/v1/scan/$first" ''
want 200 "a stranger's scan"
holds "a stranger gets a contact and a way in" 'keys == ["actions", "provider"] and .provider.phone != "" and ([.actions[].action] == ["sign_in"])'
stable() { tr -d '\r' <"$tmp/head" | grep -Eiv '^(date|x-request-id|request-id|ratelimit|ratelimit-policy):' | sort; }
cp "$tmp/body" "$tmp/stranger"
stable >"$tmp/stranger.head"
call GET "/v1/scan/$unminted" ''
want 200 "a stranger's scan of a code that nobody minted"
cmp -s "$tmp/body" "$tmp/stranger" || fail "a stranger can tell $unminted from $first: $(cat "$tmp/body")"
stable | diff "$tmp/stranger.head" - >"$tmp/diff" || fail "a stranger can tell codes apart by headers: $(cat "$tmp/diff")"
ok "a stranger gets the same $(stat -c %s "$tmp/stranger") bytes for a real and a never-minted code"

nobody_token=$(token "$nobody")
call GET "/v1/scan/$first" "$nobody_token"
want 200 "scan without any grant"
jq -e -n --slurpfile stranger "$tmp/stranger" --slurpfile mine "$tmp/body" '$mine[0] == ($stranger[0] + {actions: []})' >"$tmp/jq" ||
	fail "without any grant: more than a stranger gets: $(cat "$tmp/body")"
cp "$tmp/body" "$tmp/ungranted"
call GET "/v1/scan/$unminted" "$nobody_token"
cmp -s "$tmp/body" "$tmp/ungranted" || fail "without any grant $unminted can be told from $first: $(cat "$tmp/body")"
ok "without any grant: the stranger's answer, without the sign-in"

# --- report

json PUT /v1/devices/my-phone "$reporter_token" '{"fcm_token":"ok-reporter-phone","platform":"ios","locale":"en"}'
want 200 "register the reporter's phone"
ok "the reporter's phone is registered"

report=$(jq -nc --arg code "$first" --arg type "$fault_type" '{type: "fault_report", code: $code, fault_type: $type, text: "Klappe schließt nicht, Ebene 1"}')
key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
json POST /v1/requests "$reporter_token" "$report" -H "Idempotency-Key: \"$key\""
want 201 "report a fault"
number=$(value .number)
holds "it waits for handling" --arg component "$first_component" '.status == "waiting_handling" and .component == $component and .own'
json POST /v1/requests "$reporter_token" "$report" -H "Idempotency-Key: \"$key\""
want 201 "report it again with the same key"
[[ $(value .number) == "$number" ]] || fail "the same key made another request: $(value .number) beside $number"
json POST /v1/requests "$reporter_token" "${report/Ebene 1/Ebene 2}" -H "Idempotency-Key: \"$key\""
want 422 "another text under the same key"
ok "fault reported once under one key: $number"

call POST "/v1/requests/$number/photos" "$reporter_token" -F "photo=@$tmp/label.png;type=image/png"
want 201 "add a photo"
photo=$(value '.photos[0].url')
call GET "$photo" "$reporter_token"
want 200 "get the photo"
[[ $(header Content-Type) == image/jpeg && $(od -An -N3 -tx1 "$tmp/body" | tr -d ' ') == ffd8ff ]] || fail "the photo came back as $(header Content-Type)"
mv "$tmp/body" "$tmp/kept.jpg"
[[ $(zbarimg --nodbus -q --raw "$tmp/kept.jpg" || true) == "${url^^}/T/$first" ]] || fail "the photo came back as another picture"
call GET "$photo" "$buyer_token"
want 404 "the photo without the grant"
ok "the photo came back as JPEG and still shows the label; without the grant it is not there"

call GET "/v1/scan/$first" "$reporter_token"
holds "the fault is shown as open" --arg number "$number" '[.open_faults[].number] == [$number]'
ok "the next scan shows the open fault"

# --- alert, answer, status

rings ok-staff-phone 1
[[ $(last_body ok-staff-phone) == *"$number"* ]] || fail "the alert does not name $number: $(last_body ok-staff-phone)"
ok "the staff's phone rang once: $(last_body ok-staff-phone)"

call GET /v1/requests "$staff_token"
want 200 "the staff's queue"
holds "the report is in the queue" --arg number "$number" 'any(.items[]; .number == $number and .status == "waiting_handling" and (.photos | length) == 1)'
json POST "/v1/requests/$number/messages" "$staff_token" '{"text":"Wir kommen heute um 14 Uhr."}'
want 201 "answer"
rings ok-reporter-phone 1
[[ $(last_body ok-reporter-phone) == *"$number"* ]] || fail "the message does not name $number: $(last_body ok-reporter-phone)"
ok "staff see it in the queue and answer; the reporter's phone rang once: $(last_body ok-reporter-phone)"

json POST "/v1/requests/$number/status" "$staff_token" '{"status":"in_progress"}'
want 200 "set the status"
rings ok-reporter-phone 2
call GET "/v1/requests/$number" "$reporter_token"
want 200 "the reporter's view"
holds "thread and status" '.status == "in_progress" and any(.thread[]; .staff and .text == "Wir kommen heute um 14 Uhr.")'
ok "the status is set; the reporter's phone rang once more: $(last_body ok-reporter-phone)"

# --- second factor

technician_token=$(token "$technician")
call POST /v1/me/totp "$technician_token"
want 200 "begin with a second factor"
secret=$(value .secret)
otp() { oathtool --totp -b -N "$1" "$secret"; }
json POST /v1/me/totp/confirm "$technician_token" "{\"code\":\"$(otp now)\"}"
want 200 "confirm the second factor"
recovery=$(value '.recovery_codes[0]')
call GET /v1/me "$(value .token)"
want 200 "the session goes on under its new token"
ok "the technician has a second factor, confirmed by oathtool"

sign_in "$technician"
want 401 "sign-in without the second factor"
holds "it asks for it" '.code == "otp_required"'
# The step after the confirmed one is within the tolerance, so that nobody has to wait for it.
otp=$(otp 'now + 30 seconds')
sign_in "$technician" "$otp"
want 201 "sign-in with a fresh code of oathtool"
sign_in "$technician" "$otp"
want 401 "the same code again"
holds "it is refused" '.code == "otp_wrong"'
sign_in "$technician" "$recovery"
want 201 "sign-in with a recovery code"
ok "a code of oathtool opens once and not again; a recovery code opens"

# --- blank labels and wrong requests

json POST /v1/tags "$staff_token" '{"count":1}'
want 201 "mint a blank label"
blank=$(value '.labels[0].code')
call GET "/v1/scan/$blank" "$staff_token"
holds "a blank label can be bound" '.tag.state == "unbound" and any(.actions[]; .action == "bind")'
call GET "/v1/scan/$blank" "$reporter_token"
jq -e 'has("tag") | not' "$tmp/body" >"$tmp/jq" || fail "a customer can tell a blank label: $(cat "$tmp/body")"
json POST "/v1/tags/$blank/bind" "$staff_token" "{\"component\":\"$(jq -r '.[1]' <<<"$components")\"}"
want 200 "bind it"
call GET "/v1/scan/$blank" "$reporter_token"
holds "it leads to its component" --argjson components "$components" '.component.id == $components[1] and .tag.state == "active"'
ok "a blank label is minted, bound and scanned"

call GET "/v1/scan/${first:0:5}U${first:6}" ''
want 422 "a mistyped code"
holds "the wrong symbol is named" '.code == "mistyped_code" and (.detail | contains("“U” at position 6"))'
ok "a mistyped code: $(value .detail)"

call POST /v1/scan/photo '' -H 'Content-Type: image/png' --data-binary "@$tmp/white.png"
want 422 "a photo without a code"
holds "it says so" '.code == "photo_no_code"'
call POST /v1/scan/photo '' -H 'Content-Type: image/jpeg' --data-binary "@$tmp/sheet.pdf"
want 422 "a file that is no photo"
holds "it says so" '.code == "photo_not_image"'
head -c 13000000 /dev/zero >"$tmp/large.jpg"
call POST /v1/scan/photo '' -H 'Content-Type: image/jpeg' --data-binary "@$tmp/large.jpg"
want 413 "a photo of 13 MB"
ok "a photo without a code, a PDF and a photo of 13 MB are refused"

json POST /v1/scan '' '{"payload":"x","colour":"red"}'
want 400 "an unknown field"
holds "it is pointed at" 'any(.errors[]; .pointer == "/colour")'
gzip -c <<<'{"payload":"x"}' >"$tmp/body.gz"
call POST /v1/scan '' -H 'Content-Type: application/json' -H 'Content-Encoding: gzip' --data-binary "@$tmp/body.gz"
want 415 "a compressed body"
call GET /healthz ''
want 200 "the server is well"
ok "an unknown field is pointed at, a compressed body refused, the server unharmed"

# --- stop

rings ok-staff-phone 1
rings ok-reporter-phone 2
[[ $(jq '.messages | length' "$tmp/received") == 3 ]] || fail "messages to others: $(jq -c .messages "$tmp/received")"
kill -INT "$demo"
code=0
wait "$demo" || code=$?
demo=
[[ $code == 0 ]] || fail "the demo ended with exit code $code"
if curl -sS --noproxy '*' --max-time 2 "$url/healthz" >"$tmp/body" 2>&1; then fail "something still answers after the stop"; fi
ok "SIGINT stops the demo with exit code 0; no phone rang twice"

printf '%d passed, 0 failed\n' "$passed"
