#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# _image.sh DIR: what the virtual machines of regress/vm/run start from: DIR/root.img,
# a Debian 12 with systemd and the tests' tools, and for each kernel series of
# Debian 12 (6.1 and 6.12) DIR/SERIES.kernel, .initrd and .version. All of it
# comes from Debian's packages; the machine that runs this is not changed.
set -eu
dir=${1:?}
work=$dir/work
root=$work/root

# what agentsh links, what its service needs, what the tests use
packages="systemd systemd-sysv dbus udev kmod uidmap busybox-static
libevent-2.1-7 libfuse3-3 libseccomp2 libyaml-0-2 libyajl2 libcap2 libmnl0 libmd0 liburing2
libwslay1 libbpf1
fuse3 python3 curl jq git iproute2 make gcc libc6-dev perl strace procps util-linux libcap2-bin"
packages="$packages libldns3 openssl wget openssh-client dropbear-bin"
kernels="6.1:linux-image-cloud-amd64 6.12:linux-image-6.12-cloud-amd64"

say()
{
	printf '    %s\n' "$*"
}

rm -rf --one-file-system "$work"
mkdir -p "$work"
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' HUP INT TERM

say "Debian 12 into a directory"
# shellcheck disable=SC2086
mmdebstrap -q --mode=root --variant=minbase --dpkgopt=force-unsafe-io \
    --aptopt='Acquire::Languages "none"' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include="$(echo $packages | tr ' ' ,)" \
    --customize-hook='mkdir "$1/kernels"' \
    --customize-hook="for k in $(echo "$kernels" | sed 's/[0-9.]*://g'); do
	p=\$(chroot \"\$1\" apt-cache depends \$k | sed -n 's/.*Depends: \\(linux-image-\\)/\\1/p' | head -n 1)
	(cd \"\$1/kernels\" && chroot \"\$1\" sh -c \"cd /kernels && apt-get -q download \$p\")
    done" bookworm "$root" >"$work/mmdebstrap.log" 2>&1 ||
    { tail -n 20 "$work/mmdebstrap.log"; exit 1; }

# The initramfs: busybox loads the modules of the disk and goes on from it.
make_initrd()
{
	series=$1
	version=$2
	tree=$work/initrd-$series
	mkdir -p "$tree/bin" "$tree/dev" "$tree/m" "$tree/new"
	cp "$root/bin/busybox" "$tree/bin/busybox"
	n=10
	modprobe -d "$root" -S "$version" -D -a virtio_pci virtio_blk ext4 2>/dev/null |
	    awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
	    while read -r module; do
		    case $module in
		    *.xz) xz -dc "$module" >"$tree/m/$n.ko" ;;
		    *) cp "$module" "$tree/m/$n.ko" ;;
		    esac
		    n=$((n + 1))
	    done
	cat >"$tree/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for m in /m/*.ko; do
	/bin/busybox insmod "$m"
done
n=0
while [ ! -e /dev/vda ] && [ $n -lt 200 ]; do
	/bin/busybox sleep 0.05
	n=$((n + 1))
done
/bin/busybox mount -t ext4 /dev/vda /new
/bin/busybox mount -o move /dev /new/dev
exec /bin/busybox switch_root /new /lib/systemd/systemd
INIT
	chmod 0755 "$tree/init"
	(cd "$tree" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) | gzip -1 \
	    >"$dir/$series.initrd"
}

for k in $kernels; do
	series=${k%%:*}
	for deb in "$root"/kernels/linux-image-"$series".*.deb; do
		[ -f "$deb" ] || { say "no kernel $series among Debian's packages"; exit 1; }
	done
	dpkg-deb -x "$deb" "$work/kernel-$series"
	version=$(ls "$work/kernel-$series/lib/modules")
	mkdir -p "$root/lib/modules"
	mv "$work/kernel-$series/lib/modules/$version" "$root/lib/modules/"
	depmod -b "$root" "$version"
	say "Linux $version ($(dpkg-deb -f "$deb" Version))"
	make_initrd "$series" "$version"
	cp "$work/kernel-$series/boot/vmlinuz-$version" "$dir/$series.kernel"
	echo "$version" >"$dir/$series.version"
done
rm -rf "$root/kernels"

say "the image"
: >"$root/etc/machine-id"
echo '/dev/vda / ext4 rw,noatime 0 0' >"$root/etc/fstab"
echo vm >"$root/etc/hostname"
printf '127.0.0.1 localhost vm\n::1 localhost\n' >"$root/etc/hosts"
chroot "$root" useradd -m -u 1000 -s /bin/bash dev
units=$root/etc/systemd/system
for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer dpkg-db-backup.timer getty.target systemd-timesyncd.service; do
	ln -sf /dev/null "$units/$unit"
done
cat >"$units/vm-tests.service" <<'UNIT'
[Unit]
Description=the tests of agentsh
After=basic.target systemd-user-sessions.service dbus.service
[Service]
Type=exec
ExecStart=/bin/sh /job.sh
StandardOutput=tty
StandardError=inherit
TTYPath=/dev/ttyS0
[Install]
WantedBy=multi-user.target
UNIT
mkdir -p "$units/multi-user.target.wants"
ln -sf ../vm-tests.service "$units/multi-user.target.wants/vm-tests.service"
cat >"$root/job.sh" <<'JOB'
mkdir -p /job/out
cd /job && tar -xf /dev/vdb && sh ./job.sh
echo $? >/job/out/status
tar -cf /dev/vdc -C /job out
sync
systemctl poweroff -ff
JOB
mke2fs -q -t ext4 -F -O ^has_journal,^metadata_csum,^64bit -E lazy_itable_init=1 -m 0 \
    -d "$root" "$dir/root.img.new" 3G
mv "$dir/root.img.new" "$dir/root.img"
