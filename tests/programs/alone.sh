# Sourced first by what makes faults, before tests/lib.sh: runs the script once more with mounts and a network of its own, where the
# machine permits them (EMA_ALONE=1, else 0). A disk can be full there that is nobody else's, and nobody takes a port between the
# moment when it was found free and that when it is used, or while what had it is away. They end with the script.
# shellcheck shell=bash
if [ -z "${EMA_ALONE-}" ]; then
	for own in -mn -rmn; do
		unshare $own sh -c 'mount -t tmpfs none /mnt && ip link set lo up' 2>/dev/null &&
			EMA_ALONE=1 exec unshare $own sh -c 'ip link set lo up && exec bash "$1"' sh "$0"
	done
	EMA_ALONE=0
fi
