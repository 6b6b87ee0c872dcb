/* Whatever a segment holds, the walk ends, goes forward only, gives records that lie whole in the file and
 * whose checksum holds, and behind a gap only those that bear the segment's mark. */
#include "store/segment_walk.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	int fd = memfd_create("segment", MFD_CLOEXEC);
	struct segment_walk w;
	struct record_head h;
	uint64_t offset = 0, end = 0, gaps = 0;
	bool found;
	str front;

	must(fd >= 0 && write(fd, octets, size) == (ssize_t)size);
	must(segment_walk_begin(&w, fd, 0).code == ERR_OK);
	while (segment_walk_next(&w, &offset, &h, &front, &found).code == ERR_OK && found) {
		must(offset >= end && offset + record_size(&h) <= size);
		must(record_front_check(&h, front));
		must(w.gaps == gaps || w.mark == 0 || h.mark == w.mark);
		must(w.gaps > gaps || offset == end);
		end = offset + record_size(&h);
		gaps = w.gaps;
	}
	must(w.at >= end && w.at <= size);
	segment_walk_end(&w);
	close(fd);
	return 0;
}
