#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPOOL_MAGIC "EMASPOOL"
#define SPOOL_VERSION 2u
#define HEAD_ROOM ((sizeof(struct spool_map) + 4095) & ~(size_t)4095)

/*
 * A SIGKILL leaves the mapping as it is, so one atomic store commits a record (end), a cursor (which) or a merged refusal
 * (count). A power cut may keep any subset of the pages: the check sum of each record and of each cursor tells.
 */
struct spool_map {
	char magic[8];
	uint32_t version, reserved;
	uint64_t room;
	_Atomic uint64_t end;
	_Atomic uint32_t which; /* of the two cursors */
	uint32_t pad;
	struct { struct spool_cursor cursor; uint64_t check; } cursors[2];
	struct spool_merged merged[SPOOL_MERGED];
};

struct record_head {
	uint32_t length, check;
};

#define CHECK_PRIME UINT64_C(0x9e3779b97f4a7c15)

static uint64_t check_step(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * CHECK_PRIME;
	return hash << 29 | hash >> 35;
}

/* Eight bytes at a time: finds torn records; who can write the file can forge anything anyway. */
static uint64_t check_of(uint64_t seed, const void *data, size_t length)
{
	const unsigned char *bytes = data;
	uint64_t hash = check_step(seed * CHECK_PRIME, length), word = 0;
	for (; length >= sizeof word; bytes += sizeof word, length -= sizeof word) {
		memcpy(&word, bytes, sizeof word);
		hash = check_step(hash, word);
	}
	word = 0;
	memcpy(&word, bytes, length);
	hash = check_step(hash, word) * CHECK_PRIME;
	return hash ^ hash >> 32;
}

static char *ring(const struct spool *spool)
{
	return (char *)spool->map + HEAD_ROOM;
}

static void ring_write(struct spool *spool, uint64_t offset, const void *data, size_t length)
{
	size_t at = (size_t)(offset % spool->room);
	size_t first = length < spool->room - at ? length : spool->room - at;
	memcpy(ring(spool) + at, data, first);
	memcpy(ring(spool), (const char *)data + first, length - first);
}

static void ring_read(const struct spool *spool, uint64_t offset, void *data, size_t length)
{
	size_t at = (size_t)(offset % spool->room);
	size_t first = length < spool->room - at ? length : spool->room - at;
	memcpy(data, ring(spool) + at, first);
	memcpy((char *)data + first, ring(spool), length - first);
}

size_t spool_cost(size_t length)
{
	return sizeof(struct record_head) + ((length + 7) & ~(size_t)7);
}

size_t spool_used(const struct spool *spool)
{
	const struct spool_map *map = spool->map;
	return (size_t)(spool->write - map->cursors[atomic_load(&map->which) & 1].cursor.offset);
}

int spool_append(struct spool *spool, const void *record, size_t length)
{
	if (!length || length > SPOOL_RECORD || spool_cost(length) > spool->room - spool_used(spool))
		return -1;
	struct record_head head = { (uint32_t)length, (uint32_t)check_of(spool->write, record, length) };
	ring_write(spool, spool->write, &head, sizeof head);
	ring_write(spool, spool->write + sizeof head, record, length);
	spool->write += spool_cost(length);
	atomic_store(&spool->map->end, spool->write);
	return 0;
}

size_t spool_peek(const struct spool *spool, uint64_t from, uint64_t to, void *record, size_t room, uint64_t *end)
{
	struct record_head head;
	if (to < from || to - from < sizeof head)
		return 0;
	ring_read(spool, from, &head, sizeof head);
	if (!head.length || head.length > room || spool_cost(head.length) > to - from)
		return 0;
	ring_read(spool, from + sizeof head, record, head.length);
	if ((uint32_t)check_of(from, record, head.length) != head.check)
		return 0;
	*end = from + spool_cost(head.length);
	return head.length;
}

void spool_cursor(const struct spool *spool, struct spool_cursor *out)
{
	*out = spool->map->cursors[atomic_load(&spool->map->which) & 1].cursor;
}

void spool_commit(struct spool *spool, const struct spool_cursor *cursor)
{
	uint32_t other = (atomic_load(&spool->map->which) & 1) ^ 1;
	spool->map->cursors[other].cursor = *cursor;
	spool->map->cursors[other].check = check_of(0, cursor, sizeof *cursor);
	atomic_store(&spool->map->which, other);
}

struct spool_merged *spool_merged(struct spool *spool)
{
	return spool->map->merged;
}

int spool_sync(struct spool *spool, uint64_t end)
{
	int result = 0;
	if (spool->fd < 0)
		return 0;
	pthread_mutex_lock(&spool->syncing);
	/* All from the last synced byte on: a record behind a torn one could not be found again. */
	if (spool->synced < end) {
		/* While it failed, it may have gone round. */
		const int all = end - spool->synced > spool->room;
		size_t from = all ? 0 : (size_t)(spool->synced % spool->room), length = all ? spool->room : (size_t)(end - spool->synced), page = HEAD_ROOM;
		size_t first = length < spool->room - from ? length : spool->room - from, skew = from & 4095;
		if (msync(ring(spool) + from - skew, first + skew, MS_SYNC) || (length > first && msync(ring(spool), length - first, MS_SYNC)) ||
		    msync(spool->map, page, MS_SYNC))
			result = -1;
		else
			spool->synced = end;
	}
	pthread_mutex_unlock(&spool->syncing);
	return result;
}

/* Walks what is there; what cannot be read is cut off. */
static int recover(struct spool *spool)
{
	struct spool_map *map = spool->map;
	if (memcmp(map->magic, SPOOL_MAGIC, 8) || map->version != SPOOL_VERSION || map->room != spool->room)
		return -1;
	uint32_t which = atomic_load(&map->which) & 1;
	if (map->cursors[which].check != check_of(0, &map->cursors[which].cursor, sizeof(struct spool_cursor)))
		which ^= 1;
	if (map->cursors[which].check != check_of(0, &map->cursors[which].cursor, sizeof(struct spool_cursor)))
		return -1;
	/* So many bytes no ring had: what is counted from there on would begin at 0 again. */
	if (map->cursors[which].cursor.offset > UINT64_MAX / 2)
		return -1;
	atomic_store(&map->which, which);
	spool->next = map->cursors[which].cursor.offset;
	uint64_t end = atomic_load(&map->end);
	char *record = malloc(SPOOL_RECORD);
	if (!record)
		return -1;
	if (end < spool->next || end - spool->next > spool->room) { /* after a power cut: as far as the check sums go */
		spool->torn++;
		end = spool->next + spool->room;
	}
	spool->write = end;
	uint64_t at = spool->next;
	while (at < end && spool_peek(spool, at, end, record, SPOOL_RECORD, &at))
		;
	free(record);
	if (at < atomic_load(&map->end))
		spool->torn++;
	spool->write = spool->synced = at;
	atomic_store(&map->end, at);
	for (size_t i = 0; i < SPOOL_MERGED; i++) { /* names were written before the count */
		map->merged[i].kind[sizeof map->merged[i].kind - 1] = 0;
		map->merged[i].code[sizeof map->merged[i].code - 1] = 0;
		map->merged[i].address[sizeof map->merged[i].address - 1] = 0;
	}
	return 0;
}

static void begin_anew(struct spool *spool)
{
	struct spool_map *map = spool->map;
	memset(map, 0, HEAD_ROOM);
	map->version = SPOOL_VERSION;
	map->room = spool->room;
	struct spool_cursor none = { 0, 0, { 0 } };
	spool_commit(spool, &none);
	memcpy(map->magic, SPOOL_MAGIC, 8);
	spool->write = spool->next = spool->synced = 0;
	spool->fresh = 1;
}

/* Opens the file and locks it; the one at the path, not one that was just replaced. */
static int locked_file(const char *path, int create, int *out, struct failure *failure)
{
	for (int i = 0; i < 8; i++) {
		struct stat here, there;
		int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0), 0600);
		if (fd < 0 && errno == ENOENT && !create)
			return EMA_ABSENT;
		if (fd < 0)
			return failure_set(failure, EMA_CONFIG, "cannot open the audit spool %s: %s", path, strerror(errno));
		if (flock(fd, LOCK_EX | LOCK_NB)) {
			close(fd);
			return EMA_EXISTS;
		}
		if (fstat(fd, &here) || !S_ISREG(here.st_mode) || here.st_uid != geteuid() || (here.st_mode & 077)) {
			close(fd);
			return failure_set(failure, EMA_CONFIG, "the audit spool %s must be a file of this user with mode 0600", path);
		}
		if (!stat(path, &there) && here.st_ino == there.st_ino && here.st_dev == there.st_dev) {
			*out = fd;
			return EMA_OK;
		}
		close(fd);
	}
	return failure_set(failure, EMA_CONFIG, "the audit spool %s is replaced again and again", path);
}

/* Of so much room in the file, what was begun: to make it larger or smaller may have failed half way. */
static size_t begun_room(int fd, size_t there)
{
	struct { char magic[8]; uint32_t version, reserved; uint64_t room; } head;
	_Static_assert(sizeof head == offsetof(struct spool_map, end), "the head of struct spool_map");
	int begun = pread(fd, &head, sizeof head, 0) == (ssize_t)sizeof head && !memcmp(head.magic, SPOOL_MAGIC, 8) && head.version == SPOOL_VERSION;
	return begun && head.room >= SPOOL_LEAST && head.room <= there && !(head.room & 4095) ? (size_t)head.room : there;
}

static int map_file(struct spool *spool, size_t bytes, int create, const char *path, struct failure *failure)
{
	struct stat is;
	if (fstat(spool->fd, &is))
		return failure_set(failure, EMA_CONFIG, "cannot read the audit spool %s: %s", path, strerror(errno));
	size_t there = is.st_size > (off_t)HEAD_ROOM && is.st_size < SPOOL_MOST + (off_t)HEAD_ROOM ? (size_t)is.st_size - HEAD_ROOM : 0;
	there = begun_room(spool->fd, there & ~(size_t)4095);
	spool->room = there >= SPOOL_LEAST ? there : bytes;
	spool->mapped = HEAD_ROOM + spool->room;
	/* All blocks now: a full disk must not become a SIGBUS later. */
	int error = posix_fallocate(spool->fd, 0, (off_t)spool->mapped);
	if (error)
		return failure_set(failure, EMA_CONFIG, "no room for the audit spool %s (%zu bytes): %s", path, spool->mapped, strerror(error));
	spool->map = mmap(NULL, spool->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, spool->fd, 0);
	if (spool->map == MAP_FAILED) {
		spool->map = NULL;
		return failure_set(failure, EMA_CONFIG, "cannot map the audit spool %s: %s", path, strerror(errno));
	}
	if (there && !recover(spool)) {
		if (spool->room == bytes || spool->write != spool->next)
			return EMA_OK;
		/* Another size was asked for, and nothing is in it. */
		struct spool_cursor cursor;
		struct spool_merged merged[SPOOL_MERGED];
		spool_cursor(spool, &cursor);
		memcpy(merged, spool->map->merged, sizeof merged);
		munmap(spool->map, spool->mapped);
		spool->map = NULL;
		spool->room = bytes;
		spool->mapped = HEAD_ROOM + bytes;
		if ((error = posix_fallocate(spool->fd, 0, (off_t)spool->mapped)))
			return failure_set(failure, EMA_CONFIG, "no room for the audit spool %s (%zu bytes): %s", path, spool->mapped, strerror(error));
		spool->map = mmap(NULL, spool->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, spool->fd, 0);
		if (spool->map == MAP_FAILED) {
			spool->map = NULL;
			return failure_set(failure, EMA_CONFIG, "cannot map the audit spool %s: %s", path, strerror(errno));
		}
		begin_anew(spool);
		spool->fresh = 0;
		cursor.offset = 0;
		memcpy(spool->map->merged, merged, sizeof merged);
		spool_commit(spool, &cursor);
		/* Where it cannot be made shorter, its head says how much of it counts. */
		(void)!ftruncate(spool->fd, (off_t)spool->mapped);
		return EMA_OK;
	}
	/* Another writer's is nobody's to empty: what is in it may be another version's to read. */
	if (there && !create)
		return failure_set(failure, EMA_CONFIG, "the audit spool %s is damaged or another version's: its records stay in it until that version reads them, or its folder is removed", path);
	begin_anew(spool);
	spool->lost = there != 0;
	return EMA_OK;
}

int spool_open(const char *folder, size_t bytes, int create, struct spool **out, struct failure *failure)
{
	int result = EMA_OUT_OF_MEMORY, made;
	char path[4096];
	struct stat is;
	bytes = (bytes + 4095) & ~(size_t)4095;
	struct spool *spool = calloc(1, sizeof *spool);
	if (!spool)
		return failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for the audit spool");
	spool->fd = -1;
	pthread_mutex_init(&spool->syncing, NULL);
	if (!folder) {
		spool->room = bytes;
		spool->mapped = HEAD_ROOM + bytes;
		spool->map = mmap(NULL, spool->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (spool->map == MAP_FAILED) {
			spool->map = NULL;
			failure_set(failure, EMA_OUT_OF_MEMORY, "no memory for the audit spool (%zu bytes)", bytes);
			goto fail;
		}
		begin_anew(spool);
		*out = spool;
		return EMA_OK;
	}
	if ((size_t)snprintf(path, sizeof path, "%s/spool", folder) >= sizeof path) {
		result = failure_set(failure, EMA_CONFIG, "state_dir is too long a path");
		goto fail;
	}
	if ((result = locked_file(path, create, &spool->fd, failure)) != EMA_OK)
		goto fail;
	made = !fstat(spool->fd, &is) && !is.st_size;
	if ((result = map_file(spool, bytes, create, path, failure)) != EMA_OK) {
		/* Half of a file that never had a record would look like one that was lost. */
		if (made && create)
			unlink(path);
		goto fail;
	}
	*out = spool;
	return EMA_OK;
fail:
	spool_close(spool);
	return result;
}

void spool_close(struct spool *spool)
{
	if (!spool)
		return;
	if (spool->map)
		munmap(spool->map, spool->mapped);
	if (spool->fd >= 0)
		close(spool->fd);
	pthread_mutex_destroy(&spool->syncing);
	free(spool);
}
