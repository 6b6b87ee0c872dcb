#include "store/content_handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/batch.h"

err content_find(struct database *db, struct content_place *p)
{
	enum query q = Q_CONTENT_GET;
	bool found = false;
	err e = db_start(db, q, DB_INT(p->content_id));

	if (e.code == ERR_OK)
		e = db_row(db, q, &found);
	if (e.code == ERR_OK && found) {
		p->segment = db_u64(db, q, 0);
		p->offset = db_u64(db, q, 1);
		p->content_at = db_u64(db, q, 2);
		p->size = db_u64(db, q, 3);
		p->flags = db_u64(db, q, 4);
	}
	db_end(db, q);
	TRY(e);
	return found ? OK : (err){ ERR_CORRUPT, 0, "a message names content that is not there" };
}

err content_check_head(struct segment *segment, const struct content_place *p, struct record_head *head)
{
	char octets[RECORD_HEAD_SIZE];

	TRY(file_read_at(segment_fd(segment), octets, sizeof octets, p->offset));
	return content_parse_head((str){ octets, sizeof octets }, p, head);
}

err content_parse_head(str octets, const struct content_place *p, struct record_head *head)
{
	TRY(record_head_parse(octets, head));
	if (head->content_id != p->content_id || head->content_size != p->size ||
	    record_content_at(head) != p->content_at)
		return (err){ ERR_CORRUPT, 0, "a record is not the one that its row names" };
	return OK;
}

static err open_file(struct store *store, const struct content_place *p, int *fd)
{
	char path[4096];
	struct stat st;

	content_file_path(store->files, p->content_id, path, sizeof path);
	AUTO(file) f = open(path, O_RDONLY | O_CLOEXEC);
	if (f < 0)
		return errno == ENOENT ? (err){ ERR_CORRUPT, ENOENT, "a message's file is not there" }
		                       : err_errno(NULL, errno, "opening a message's file");
	if (fstat(f, &st) < 0 || (uint64_t)st.st_size != p->size)
		return (err){ ERR_CORRUPT, 0, "a message's file has another size than its row says" };
	*fd = file_take(&f);
	return OK;
}

err content_open(struct store *store, const struct content_place *p, struct segment *segment,
                 struct content_range *out)
{
	struct content_handle *h = calloc(1, sizeof *h);

	if (!h)
		return ERR_NO_MEMORY;
	h->fd = FILE_NONE;
	*out = (struct content_range){ .size = p->size, .handle = h };
	if (p->flags & RECORD_IN_FILE) {
		err e = open_file(store, p, &h->fd);
		if (e.code != ERR_OK) {
			free(h);
			return e;
		}
		out->fd = h->fd;
	} else {
		h->segment = segment_share(segment);
		out->fd = segment_fd(segment);
		out->offset = p->offset + p->content_at;
	}
	return OK;
}

void content_close(struct content_handle *h)
{
	if (!h)
		return;
	segment_release(h->segment);
	file_close(&h->fd);
	free(h);
}
