#!/bin/sh
# Fetches real photographs for the corpus: those in Debian's wallpaper packages.
#
# usage: benches/photos.sh FOLDER          (`make corpus` runs it with target/photos)
#
# Downloads the packages below (170 MB together) with apt-get, as any user, and copies their photographs into
# FOLDER. Nothing is installed. Drawings, renderings, and photographs that are mostly blur or sky are left out: the
# list names what is wanted. What another Debian release no longer ships is passed over. On other systems, skip this script and
# give the corpus maker a folder of your own photographs.

set -eu

say() { printf 'photos: %s\n' "$*" >&2; }

stop() {
    say "$@"
    exit 1
}

# Package, file below /usr/share, and the name it gets where its own says nothing; as of Debian 12.
photographs() {
    cat <<'END'
lomiri-wallpapers-16.04 backgrounds/Dragonfly_by_Bolly.jpg
lomiri-wallpapers-16.04 backgrounds/Picture_0B_by_freespace.jpg
lomiri-wallpapers-16.04 backgrounds/Picture_1A_by_freespace.jpg
lomiri-wallpapers-16.04 backgrounds/Wine_by_Jakkub_Mede.jpg
lomiri-wallpapers-16.04 backgrounds/aitzgorri_by_Aitzol_Berasategi.jpg
lomiri-wallpapers-16.04 backgrounds/friends_by_Aitzol_Berasategi.jpg
lomiri-wallpapers-16.04 backgrounds/life_by_Aitzol_Berasategi.jpg
lomiri-wallpapers-16.04 backgrounds/picosdeeuropa_by_Aitzol_Berasategi.jpg
lomiri-wallpapers-16.04 backgrounds/seeding_by_Clements_Engelhardt.jpg
lomiri-wallpapers-16.04 backgrounds/sunset_by_Aitzol_Berasategi.jpg
lomiri-wallpapers-20.04 backgrounds/Kleiber_by_Lukas_Baubkus.jpg
mate-backgrounds backgrounds/mate/nature/Blinds.jpg
mate-backgrounds backgrounds/mate/nature/Dune.jpg
mate-backgrounds backgrounds/mate/nature/Garden.jpg
mate-backgrounds backgrounds/mate/nature/GreenMeadow.jpg
mate-backgrounds backgrounds/mate/nature/RainDrops.jpg
mate-backgrounds backgrounds/mate/nature/TwoWings.jpg
mate-backgrounds backgrounds/mate/nature/Wood.jpg
plasma-workspace-wallpapers wallpapers/BytheWater/contents/images/2560x1600.jpg BytheWater.jpg
plasma-workspace-wallpapers wallpapers/ColorfulCups/contents/images/2560x1600.jpg ColorfulCups.jpg
plasma-workspace-wallpapers wallpapers/EveningGlow/contents/images/2560x1600.jpg EveningGlow.jpg
plasma-workspace-wallpapers wallpapers/FallenLeaf/contents/images/2560x1600.jpg FallenLeaf.jpg
plasma-workspace-wallpapers wallpapers/Grey/contents/images/2560x1600.jpg Grey.jpg
plasma-workspace-wallpapers wallpapers/OneStandsOut/contents/images/2560x1600.jpg OneStandsOut.jpg
plasma-workspace-wallpapers wallpapers/Path/contents/images/2560x1600.jpg Path.jpg
END
}

download() {
    for package in $(photographs | cut -d ' ' -f 1 | sort -u); do
        say "downloading $package"
        (cd "$work" && apt-get download -q "$package" >/dev/null 2>"$work/errors") ||
            say "passed over $package: $(tail -n 1 "$work/errors")"
    done
    for archive in "$work"/*.deb; do
        [ -e "$archive" ] || stop "nothing could be downloaded; try:  sudo apt-get update"
        dpkg-deb --extract "$archive" "$work/unpacked"
    done
}

copy() {
    photographs | while read -r package path name; do
        if [ -f "$work/unpacked/usr/share/$path" ]; then
            cp "$work/unpacked/usr/share/$path" "$folder/${name:-$(basename "$path")}"
        else
            say "passed over $path: not in this release's $package"
        fi
    done
}

[ $# -eq 1 ] || stop "usage: benches/photos.sh FOLDER"
folder=$1
if [ -n "$(ls -A "$folder" 2>/dev/null)" ]; then
    say "$folder has files already; nothing to do"
    exit 0
fi
for tool in apt-get dpkg-deb; do
    command -v "$tool" >/dev/null || stop "$tool is missing: put photographs of your own into $folder instead"
done
mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
download
copy
say "$(find "$folder" -type f | wc -l) photographs in $folder"
