#!/bin/sh
# Installs what the tests drive the server with, where it is missing and we may; else says the command.
set -eu
missing=""
command -v sipp >/dev/null 2>&1 || missing="$missing sip-tester"
command -v sox >/dev/null 2>&1 || missing="$missing sox"
command -v tshark >/dev/null 2>&1 || missing="$missing tshark"
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
command -v ffmpeg >/dev/null 2>&1 || missing="$missing ffmpeg"
for element in udpsink:good rawaudioparse:base srtpenc:bad; do
    gst-inspect-1.0 --exists "${element%:*}" 2>/dev/null || missing="$missing gstreamer1.0-plugins-${element#*:}"
done
command -v gst-launch-1.0 >/dev/null 2>&1 || missing="$missing gstreamer1.0-tools"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null
else
    echo "The tests need:$missing. On Debian and Ubuntu:" >&2
    echo "    sudo apt-get update && sudo apt-get install -y$missing" >&2
    exit 1
fi
