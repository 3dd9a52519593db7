#!/usr/bin/env bash
# What the Dockerfile puts into its image, without Docker: builds with the Dockerfile's own command, lays out the same root, and
# lets it serve there as the image's user. Needs root, for chroot.
#
#     .ci/image.sh [WHERE TO LEAVE THE BINARY]
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tmp=$(mktemp -d)
server=
cleanup() {
	code=$?
	trap - EXIT
	[[ -z $server ]] || stop "$server"
	((code == 0)) || [[ ! -s $tmp/serve.err ]] || tail -n 20 "$tmp/serve.err" >&2
	rm -rf "$tmp"
	exit "$code"
}
source .ci/http.sh
trap cleanup EXIT
trap 'exit 130' INT TERM
need curl jq chroot

from_dockerfile() { sed -n "s/^$1 //p" Dockerfile | tail -n 1; }
build=$(sed -n 's/^RUN \(.*go build.*\)$/\1/p' Dockerfile)
[[ -n $build ]] || fail "the Dockerfile has no line RUN … go build"
user=$(from_dockerfile USER)
[[ ${user%%:*} =~ ^[1-9][0-9]*$ ]] || fail "the image's user is $user, not a number above 0"

root=$tmp/root
chmod 0755 "$tmp"
mkdir -p "$root"/{tmp,etc/ssl/certs}
mkdir -m 0700 "$root/data"
chown "$user" "$root/data" "$root/tmp"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
bash -c "${build//\/out\/tagwerk/$root/tagwerk}"
if LC_ALL=C ldd "$root/tagwerk" >"$tmp/ldd" 2>&1; then fail "the binary is not static: $(cat "$tmp/ldd")"; fi
size=$(stat -c %s "$root/tagwerk")
((size <= 60 << 20)) || fail "the binary has $size bytes, more than 60 MiB"
ok "static binary of $((size >> 20)) MiB by the Dockerfile's command"

# The environment of the image, but for the port, which the system chooses.
touch "$tmp"/serve.{out,err}
env -i TAGWERK_DATA=/data TAGWERK_LISTEN=127.0.0.1:0 TAGWERK_PUBLIC_URL=https://scan.example.com \
	"$(command -v chroot)" --userspec="$user" "$root" /tagwerk "$(from_dockerfile CMD | jq -r '.[0]')" >"$tmp/serve.out" 2>"$tmp/serve.err" &
server=$!
line=$(first_line "$tmp/serve.out" "$server")
url=http://${line##* }
call GET /readyz '' -H 'Host: scan.example.com'
want 200 "the server is ready"
[[ $(stat -c %u:%g "$root/data/secret.key") == "$user" ]] || fail "the data belong to $(stat -c %u:%g "$root/data/secret.key")"
[[ $(find "$root" -newer "$tmp/serve.out" -not -path "$root/data*" -not -path "$root/tmp*") == "" ]] || fail "it wrote outside of its data"
ok "it serves as $user, and writes to /data only"

kill -TERM "$server"
code=0
wait "$server" || code=$?
server=
[[ $code == 0 ]] || fail "it ended with exit code $code"
ok "SIGTERM stops it with exit code 0"
env -i TMPDIR=/tmp "$(command -v chroot)" --userspec="$user" "$root" /tagwerk openapi >"$tmp/openapi.json" 2>"$tmp/serve.err"
[[ $(jq -r .openapi "$tmp/openapi.json") == 3.1.* ]] || fail "tagwerk openapi prints no description"
ok "its other commands run there as well"
[[ -z ${1-} ]] || cp "$root/tagwerk" "$1"
