/* The recorder's syncs. The lock is not held across them: what others write meanwhile is not covered. */
#include "next.h"
#include "record.h"

#include <errno.h>
#include <unistd.h>

static int64_t sync_begin(uint64_t inode, enum record_sync kind)
{
	record_lock();
	int64_t number = record_sync_number();
	record_put((struct record_entry){ .kind = RECORD_SYNC_BEGIN, .inode = inode, .a = number, .c = kind },
	           NULL, 0, "");
	record_unlock();
	return number;
}

static int sync_end(int64_t number, int r)
{
	int saved = errno;

	record_lock();
	record_put((struct record_entry){ .kind = RECORD_SYNC_END, .a = number, .b = r }, NULL, 0, "");
	record_unlock();
	errno = saved;
	return r;
}

int fsync(int fd)
{
	uint64_t inode = record_on() ? record_inode(fd) : 0;

	if (inode == 0)
		return NEXT(fsync)(fd);
	int64_t number = sync_begin(inode, RECORD_FSYNC);
	return sync_end(number, NEXT(fsync)(fd));
}

int fdatasync(int fd)
{
	uint64_t inode = record_on() ? record_inode(fd) : 0;

	if (inode == 0)
		return NEXT(fdatasync)(fd);
	int64_t number = sync_begin(inode, RECORD_FDATASYNC);
	return sync_end(number, NEXT(fdatasync)(fd));
}

int syncfs(int fd)
{
	if (!record_on() || record_inode(fd) == 0)
		return NEXT(syncfs)(fd);
	int64_t number = sync_begin(0, RECORD_SYNCFS);
	return sync_end(number, NEXT(syncfs)(fd));
}

void sync(void)
{
	if (!record_on()) {
		NEXT(sync)();
		return;
	}
	int64_t number = sync_begin(0, RECORD_SYNCFS);
	NEXT(sync)();
	sync_end(number, 0);
}
