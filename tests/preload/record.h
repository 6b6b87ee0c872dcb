/* tests/preload/record.h: the log of file operations that the recorder writes and tests/recording.py reads.
 *
 * Processes of one recording (a parent, its child, a second start) append to one file. Its order is the
 * order of effects: every entry is put under a lock that spans threads and processes, and an operation
 * with an effect keeps it from before the real call until its entry is written. A sync has two entries:
 * it covers what was written before its beginning, and has done so only at its end.
 *
 * An entry is this header (host order) followed by `first` and `second` octets. Files are named by inode
 * where the operation goes through a descriptor, by path below the recorded folder where it does not.
 */
#ifndef PRELOAD_RECORD_H
#define PRELOAD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum record_kind {
	RECORD_START = 1,  /* a process began; a = pid */
	RECORD_CREATE,     /* inode, first = path ("" for O_TMPFILE) */
	RECORD_OPEN,       /* inode, first = path of what was there */
	RECORD_WRITE,      /* inode, a = offset, first = octets */
	RECORD_TRUNCATE,   /* inode, a = size */
	RECORD_FALLOCATE,  /* inode, a = offset, b = length, c = mode */
	RECORD_RENAME,     /* first = from, second = to, c = RENAME_ flags */
	RECORD_UNLINK,     /* first = path of a file or an empty folder */
	RECORD_LINK,       /* inode, first = new path */
	RECORD_MKDIR,      /* inode, first = path */
	RECORD_SYNC_BEGIN, /* inode (0: everything), a = number of this sync, c = enum record_sync */
	RECORD_SYNC_END,   /* a = number of the sync, b = result */
	RECORD_SENT, /* socket's inode, a = octets sent, b = peer's port, first = up to RECORD_SENT_MAX of
	                them */
	RECORD_MMAP, /* inode of a shared writable mapping: what is written through it is not recorded */
};

enum record_sync { RECORD_FSYNC, RECORD_FDATASYNC, RECORD_SYNCFS };

enum { RECORD_SENT_MAX = 512 };

struct record_entry {
	uint32_t size; /* of the whole entry */
	uint32_t kind;
	uint64_t inode;
	int64_t a;
	int64_t b;
	uint32_t c;
	uint32_t first;
	uint32_t second;
	uint32_t pid;
};

/* Whether this process is recorded: RECORD_LOG and RECORD_DIR are set and could be opened. */
bool record_on(void);

void record_lock(void);
void record_unlock(void);

/* Appends one entry; size, first and second are filled in. Under the lock. Ends the process if the log
 * can't be written: a recording with a gap is worse than none. */
void record_put(struct record_entry entry, const struct iovec *first, int first_n, const char *second);

/* A number for the two entries of one sync, unique in the log together with the pid. */
int64_t record_sync_number(void);

/* The path below the recorded folder ("" is the folder itself) of `path` as the *at calls mean it; false
 * where it is elsewhere. out holds PATH_MAX octets. */
bool record_path(int dirfd, const char *path, char *out);

/* The inode behind a descriptor if it is a file or folder below the recorded folder, else 0. */
uint64_t record_inode(int fd);

/* The inode behind a descriptor if it is a connected stream socket, else 0; *port is the peer's (0: unix). */
uint64_t record_socket(int fd, int64_t *port);

#endif
