#!/bin/sh
# Installs what lies beside this script, or takes it away again.
#
# usage: install.sh [--prefix DIR] [install|uninstall]
set -eu
# Everyone may read what is installed, whoever installs it.
umask 022

prefix=/usr/local
action=install
while [ $# -gt 0 ]; do
    case $1 in
    --prefix)
        [ $# -ge 2 ] || { echo "error: --prefix needs a folder" >&2; exit 2; }
        prefix=$2
        shift
        ;;
    --prefix=*) prefix=${1#--prefix=} ;;
    install | uninstall) action=$1 ;;
    -h | --help)
        echo "usage: install.sh [--prefix DIR] [install|uninstall]   (DIR is /usr/local where none is given)"
        exit 0
        ;;
    *)
        echo "error: unknown word $1; usage: install.sh [--prefix DIR] [install|uninstall]" >&2
        exit 2
        ;;
    esac
    shift
done
case $prefix in
/*) ;;
*) prefix=$(pwd)/$prefix ;;
esac
prefix=${prefix%/}
# What is installed, and what an installation that broke off had begun with.
list=$prefix/lib/mudra/installed.txt
begun=$list.part

uninstall() {
    [ -f "$list" ] || [ -f "$begun" ] || { echo "error: $list: nothing is installed there" >&2; exit 1; }
    unit=$prefix/lib/systemd/system/mudra.service
    if [ "$(systemctl show -p FragmentPath --value mudra.service 2>/dev/null)" = "$unit" ] &&
        { systemctl is-enabled --quiet mudra.service || systemctl is-active --quiet mudra.service; }; then
        echo "error: mudra.service is enabled or runs; first run: systemctl disable --now mudra" >&2
        exit 1
    fi
    # Names of folders end with a slash. A line without an end, which a full disk leaves, is not read.
    cat "$list" "$begun" 2>/dev/null | while IFS= read -r file; do
        case $file in
        */) ;;
        *) rm -f "$prefix/$file" "$prefix/$file.part" ;;
        esac
    done
    folders=$(cat "$list" "$begun" 2>/dev/null | grep '/$' | sort -r)
    rm -f "$list" "$begun" "$list.sorted"
    # The inner ones first; one that is not empty stays.
    printf '%s\n' "$folders" | while IFS= read -r folder; do
        [ -z "$folder" ] || rmdir "$prefix/$folder" 2>/dev/null || true
    done
    echo "removed from $prefix"
}

# missing PLACE: which of its parts are no folders yet
missing() {
    place=$1
    while [ "$place" != . ] && [ ! -d "$prefix/$place" ]; do
        echo "$place/"
        place=$(dirname "$place")
    done
}

# folder PLACE: makes it, listed before it is there
folder() {
    missing "$1" >>"$begun"
    mkdir -p "$prefix/$1"
}

# put MODE FILE PLACE: listed before it is there
put() {
    folder "$(dirname "$3")"
    echo "$3" >>"$begun"
    # Under another name first: a program that runs can't be written over.
    cp "$2" "$prefix/$3.part"
    chmod "$1" "$prefix/$3.part"
    mv -f "$prefix/$3.part" "$prefix/$3"
}

install_all() {
    case $prefix in
    *[\"\'\\]* | *"
"*)
        echo "error: --prefix $prefix: systemd runs no program below a name with a quote, a backslash or a line break" >&2
        exit 2
        ;;
    esac
    [ -f SHA256SUMS ] || { echo "error: no archive lies beside this script; it can only uninstall" >&2; exit 1; }
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum -c SHA256SUMS >/dev/null || { echo "error: a file here is not the one of SHA256SUMS" >&2; exit 1; }
    else
        echo "warning: no sha256sum here, files are not checked" >&2
    fi
    # The list lies in a folder that it names.
    made=$(missing lib/mudra)
    mkdir -p "$prefix/lib/mudra"
    [ -z "$made" ] || echo "$made" >>"$begun"
    put 755 edge-runtime lib/mudra/edge-runtime
    put 644 gen.onnx lib/mudra/gen.onnx
    for page in man/*.1; do
        put 644 "$page" "share/man/man1/${page#man/}"
    done
    put 644 completions/edge-runtime.bash share/bash-completion/completions/edge-runtime
    put 644 completions/_edge-runtime share/zsh/site-functions/_edge-runtime
    put 644 completions/edge-runtime.fish share/fish/vendor_completions.d/edge-runtime.fish
    for file in README.md MODEL.md DISPLAYS.md LICENSE-* THIRD-PARTY.txt; do
        put 644 "$file" "share/doc/mudra/$file"
    done
    put 755 install.sh lib/mudra/install.sh
    # systemd would take a percent sign for its own, sed the others.
    escaped=$(printf %s "$prefix" | sed 's/%/%%/g; s/[&|]/\\&/g')
    unit=lib/systemd/system/mudra.service
    folder lib/systemd/system
    echo "$unit" >>"$begun"
    sed "s|@PREFIX@|$escaped|g" mudra.service >"$prefix/$unit.part"
    chmod 644 "$prefix/$unit.part"
    mv -f "$prefix/$unit.part" "$prefix/$unit"
    folder bin
    echo bin/edge-runtime >>"$begun"
    ln -sf ../lib/mudra/edge-runtime "$prefix/bin/edge-runtime"
    # What an older version had stays known.
    if [ -f "$list" ]; then
        cat "$list" >>"$begun"
    fi
    sort -u "$begun" >"$list.sorted"
    mv -f "$list.sorted" "$list"
    rm -f "$begun"
    "$prefix/bin/edge-runtime" --version >/dev/null 2>&1 ||
        echo "warning: $prefix/bin/edge-runtime does not run on this machine ($(uname -m))" >&2
    echo "installed into $prefix; run: $prefix/bin/edge-runtime --label scissors --out gesture.png"
    echo "to take it away again: \"$prefix/lib/mudra/install.sh\" --prefix \"${prefix:-/}\" uninstall"
    case $prefix in
    /usr | /usr/local) ;;
    *) echo "mudra.service is not where systemd looks for units, and runs no program below a home folder" ;;
    esac
}

if [ "$action" = uninstall ]; then
    uninstall
else
    cd "$(dirname "$0")"
    install_all
fi
