#!/usr/bin/env bash
# Makes this checkout ready to run on a Debian-like machine: system packages, virtual environment, locked packages.
# A second run reuses everything. Packages come from wherever apt and pip are set up to look.
set -euo pipefail
cd "$(dirname "$0")/.."

# What each is for: RealSense's USB back end; PortAudio (PyAudio is compiled); Qt and PsychoPy windows with a software
# renderer; a screen and a sound card for machines that have none; a font with Chinese characters.
packages=(
  libusb-1.0-0 libudev1
  portaudio19-dev libasound2-plugins
  libegl1 libgl1 libglu1-mesa libgl1-mesa-dri libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0
  libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1 libdbus-1-3
  libfontconfig1 fonts-dejavu-core fonts-inter fonts-wqy-microhei
  xvfb xauth libxcb-shm0 pulseaudio pulseaudio-utils
  faketime    # tests: a sender whose clock has another epoch and drifts
  hdf5-tools  # tests: h5dump, a reader that knows nothing of us
)

python=""
for candidate in python3.11 python3.12 python3; do
  if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
    python=$(command -v "$candidate")
    break
  fi
done
if [ -z "$python" ]; then
  echo "setup: Python 3.11 or 3.12 is needed and was not found. Install it, for example: apt-get install python3.11" >&2
  exit 1
fi
"$python" -c 'import ensurepip, venv' 2>/dev/null || packages+=("$(basename "$(readlink -f "$python")")-venv")
"$python" -c 'import sys, sysconfig, pathlib; sys.exit(not (pathlib.Path(sysconfig.get_path("include")) / "Python.h").exists())' \
  || packages+=("$(basename "$(readlink -f "$python")")-dev")

if command -v dpkg-query >/dev/null; then
  missing=()
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    install="apt-get install -y --no-install-recommends ${missing[*]}"
    if [ "$(id -u)" = 0 ]; then
      sudo=""
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
      sudo="sudo"
    else
      echo "setup: system packages are missing. As an administrator run: apt-get update && $install" >&2
      exit 1
    fi
    echo "setup: installing ${#missing[@]} system packages"
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo ${sudo:+env DEBIAN_FRONTEND=noninteractive} $install -qq >/dev/null
  fi
else
  echo "setup: no dpkg here; make sure that the equivalents of these packages are installed: ${packages[*]}" >&2
fi

stamp=$(cat pyproject.toml constraints.txt scripts/setup.sh | sha256sum | cut -d' ' -f1)
if [ "$(cat .venv/stamp 2>/dev/null)" != "$stamp" ]; then
  echo "setup: installing Python packages into .venv (a minute or two)"
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  .venv/bin/python -m pip install -q --disable-pip-version-check -U pip
  .venv/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[rig,analysis]' --group dev
  echo "$stamp" > .venv/stamp
fi
