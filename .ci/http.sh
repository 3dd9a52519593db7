# Sourced by the scripts beside it: steps that are counted, and HTTP by curl with the answer in files.
#
# The caller sets $tmp, a folder of its own, and $url, the server's address without a trailing slash. After call and json, $status
# is the status code, $tmp/body the body and $tmp/head the head of the answer.

passed=0

# ok TEXT counts a step that held.
ok() {
	passed=$((passed + 1))
	printf 'ok %d %s\n' "$passed" "$*"
}

# fail REASON ends the script.
fail() {
	printf 'not ok %d %s\n' "$((passed + 1))" "$*" >&2
	exit 1
}

# need TOOL… fails unless all of them are there.
need() {
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || fail "$tool is missing; .ci/run installs it"
	done
}

# call METHOD PATH TOKEN [CURL ARGUMENT…] makes one request; an empty TOKEN is a stranger's.
call() {
	local method=$1 path=$2 token=$3
	shift 3
	[[ -z $token ]] || set -- -H "Authorization: Bearer $token" "$@"
	status=$(curl -sS --noproxy '*' --max-time 30 -X "$method" -o "$tmp/body" -D "$tmp/head" -w '%{http_code}' -H 'Accept-Language: en' "$@" "$url$path") ||
		fail "$method $path: no answer"
}

# json METHOD PATH TOKEN BODY [CURL ARGUMENT…] sends JSON.
json() {
	local method=$1 path=$2 token=$3 body=$4
	shift 4
	call "$method" "$path" "$token" -H 'Content-Type: application/json' --data-binary "$body" "$@"
}

# want STATUS WHAT fails unless the last answer had this status.
want() {
	[[ $status == "$1" ]] || fail "$2: answer $status instead of $1: $(head -c 600 "$tmp/body")"
}

# holds WHAT [JQ ARGUMENT…] FILTER fails unless the filter is true of the last answer.
holds() {
	local what=$1
	shift
	jq -e "$@" "$tmp/body" >"$tmp/jq" 2>&1 || fail "$what: does not hold for $(head -c 1200 "$tmp/body")"
}

# value FILTER prints a value of the last answer.
value() {
	jq -er "$1" "$tmp/body" || fail "the answer has no $1: $(head -c 600 "$tmp/body")"
}

# header NAME prints a header of the last answer.
header() {
	tr -d '\r' <"$tmp/head" | awk -F': ' -v name="${1,,}" 'tolower($1) == name { print $2 }' | tail -n 1
}

# stop PID asks a process of ours to end, and waits until it has.
stop() {
	kill "$1" 2>/dev/null || return 0
	wait "$1" 2>/dev/null || true
}

# first_line FILE PID prints the first line that a process writes; it fails if the process ends before, or after 20 s.
first_line() {
	local tries
	for ((tries = 0; tries < 400; tries++)); do
		if [[ $(wc -l <"$1") -gt 0 ]]; then
			head -n 1 "$1"
			return
		fi
		kill -0 "$2" 2>/dev/null || break
		sleep 0.05
	done
	fail "the server said nothing: $(tail -n 5 "${1%.out}.err")"
}
