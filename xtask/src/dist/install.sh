#!/bin/sh
# Installs what lies beside this script, or takes it away again.
#
# usage: install.sh [--prefix DIR] [install|uninstall]
set -eu

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
list=$prefix/lib/mudra/installed.txt

uninstall() {
    [ -f "$list" ] || { echo "error: $list: nothing is installed there" >&2; exit 1; }
    unit=$prefix/lib/systemd/system/mudra.service
    if [ "$(systemctl show -p FragmentPath --value mudra.service 2>/dev/null)" = "$unit" ] &&
        systemctl is-enabled --quiet mudra.service; then
        echo "error: mudra.service is enabled; first run: systemctl disable --now mudra" >&2
        exit 1
    fi
    # Names of folders end with a slash.
    grep -v '/$' "$list" | while IFS= read -r file; do
        rm -f "$prefix/$file"
    done
    folders=$(grep '/$' "$list" | sort -r)
    rm -f "$list"
    # The inner ones first; one that is not empty stays.
    printf '%s\n' "$folders" | while IFS= read -r folder; do
        [ -z "$folder" ] || rmdir "$prefix/$folder" 2>/dev/null || true
    done
    echo "removed from $prefix"
}

# folder PLACE: makes it, and notes which of its parts were not there
folder() {
    missing=$1
    while [ "$missing" != . ] && [ ! -d "$prefix/$missing" ]; do
        made="$made$missing/
"
        missing=$(dirname "$missing")
    done
    mkdir -p "$prefix/$1"
}

# put MODE FILE PLACE
put() {
    folder "$(dirname "$3")"
    # Under another name first: a program that runs can't be written over.
    cp "$2" "$prefix/$3.part"
    chmod "$1" "$prefix/$3.part"
    mv -f "$prefix/$3.part" "$prefix/$3"
    echo "$3" >>"$list.part"
}

install_all() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum -c SHA256SUMS >/dev/null || { echo "error: a file here is not the one of SHA256SUMS" >&2; exit 1; }
    else
        echo "warning: no sha256sum here, files are not checked" >&2
    fi
    made=
    folder lib/mudra
    : >"$list.part"
    put 755 edge-runtime lib/mudra/edge-runtime
    put 644 gen.onnx lib/mudra/gen.onnx
    for page in man/*.1; do
        put 644 "$page" "share/man/man1/${page#man/}"
    done
    put 644 completions/edge-runtime.bash share/bash-completion/completions/edge-runtime
    put 644 completions/_edge-runtime share/zsh/site-functions/_edge-runtime
    put 644 completions/edge-runtime.fish share/fish/vendor_completions.d/edge-runtime.fish
    for file in README.md MODEL.md LICENSE-MIT LICENSE-APACHE; do
        put 644 "$file" "share/doc/mudra/$file"
    done
    # Any character but a newline may stand in a folder's name.
    escaped=$(printf %s "$prefix" | sed 's/[&|\\]/\\&/g')
    sed "s|@PREFIX@|$escaped|g" mudra.service >"$prefix/lib/mudra/mudra.service.part"
    put 644 "$prefix/lib/mudra/mudra.service.part" lib/systemd/system/mudra.service
    rm -f "$prefix/lib/mudra/mudra.service.part"
    folder bin
    ln -sf ../lib/mudra/edge-runtime "$prefix/bin/edge-runtime"
    echo bin/edge-runtime >>"$list.part"
    printf %s "$made" >>"$list.part"
    # What an older version had stays known.
    if [ -f "$list" ]; then
        cat "$list" >>"$list.part"
    fi
    sort -u "$list.part" >"$list"
    rm -f "$list.part"
    "$prefix/bin/edge-runtime" --version >/dev/null 2>&1 ||
        echo "warning: $prefix/bin/edge-runtime does not run on this machine ($(uname -m))" >&2
    echo "installed into $prefix; run: $prefix/bin/edge-runtime --label scissors --out gesture.png"
}

if [ "$action" = uninstall ]; then
    uninstall
else
    cd "$(dirname "$0")"
    install_all
fi
