#!/usr/bin/env bash
# Makes the viewers' image, warmfront-viewer:dev: Debian with dig, curl and ip. Built once and kept under a tag that
# names this script's content, so a change here builds it anew.
#
# debootstrap makes it from Debian's packages alone, without a registry of images; it needs root. Where it is missing
# (macOS) the same is built from Docker Hub's debian image.
set -euo pipefail

packages=bind9-dnsutils,ca-certificates,curl,iproute2
suite=bookworm
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
image=warmfront-viewer
tag=$image:$(cksum <"$0" | cut -d' ' -f1)

if docker image inspect "$tag" >/dev/null 2>&1; then
  docker tag "$tag" "$image:dev"
  exit
fi

if ! command -v debootstrap >/dev/null; then
  echo "no debootstrap here (on Debian: apt-get install debootstrap); building from debian:$suite-slim instead"
  docker build --quiet --tag "$tag" - <<DOCKERFILE
FROM debian:$suite-slim
RUN apt-get update && apt-get install -y --no-install-recommends ${packages//,/ } && rm -rf /var/lib/apt/lists/*
CMD ["sleep", "infinity"]
DOCKERFILE
  docker tag "$tag" "$image:dev"
  exit
fi

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
root=$(mktemp -d /var/tmp/warmfront-viewer.XXXXXX)
trap '"${as_root[@]}" rm -rf "$root"' EXIT
echo "making $tag with debootstrap, once; it takes about a minute"
if ! "${as_root[@]}" debootstrap --variant=minbase --include="$packages" "$suite" "$root/fs" "$mirror" >"$root/log" 2>&1; then
  tail -n 20 "$root/log" >&2
  exit 1
fi
"${as_root[@]}" tar --directory "$root/fs" --exclude='./dev/*' --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' \
  --exclude='./usr/share/doc/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/man/*' --create . |
  docker import --change 'CMD ["sleep", "infinity"]' - "$tag" >/dev/null
docker tag "$tag" "$image:dev"
