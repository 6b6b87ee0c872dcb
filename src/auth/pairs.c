#include "auth/pairs.h"

#include "auth/key.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"

enum { PAIR_OCTETS = 16, CRC_OCTETS = 4 };

static const char magic[8] = "PRpair1";

#define FILE_MAX (sizeof magic + (size_t)LIMIT_GUESS_PAIRS * PAIR_OCTETS + CRC_OCTETS)

err pairs_key(struct arena *arena, str data_dir, uint64_t key[static 2])
{
	struct digest digest;

	TRY(key_load(arena, data_dir, KEY_PAIRS, &digest));
	str octets = digest_str(&digest);
	for (size_t i = 0; i < 2; i++)
		(void)bytes_le64(&octets, &key[i]); /* there are 32 of them */
	return OK;
}

static err path_of(struct arena *arena, str data_dir, str *out)
{
	return file_path(arena, data_dir, STR("auth.pairs"), out);
}

static err parse(struct guess *guess, str octets)
{
	static const err corrupt = { ERR_CORRUPT, 0, "not a file of places where people logged in" };
	uint64_t key, at_ms, now_ms = (uint64_t)clock_now();
	uint32_t crc;

	if (octets.len < sizeof magic + CRC_OCTETS || memcmp(octets.ptr, magic, sizeof magic) != 0)
		return corrupt;
	str body = str_slice(octets, 0, octets.len - CRC_OCTETS), end = str_from(octets, body.len);
	if (!bytes_le32(&end, &crc) || crc != crc32c(0, body))
		return corrupt;
	body = str_from(body, sizeof magic);
	while (bytes_le64(&body, &key) && bytes_le64(&body, &at_ms)) {
		/* From the future where the clock was set: then it is of now. */
		int64_t ago_ms = at_ms < now_ms ? (int64_t)(now_ms - at_ms) : 0;
		if (ago_ms < LIMIT_GUESS_KEPT_MS)
			guess_know(guess, &(struct guess_pair){ key, clock_tick_ms() - ago_ms });
	}
	return OK;
}

err pairs_load(struct guess *guess, struct arena *arena, str data_dir)
{
	str path, octets;

	TRY(path_of(arena, data_dir, &path));
	err e = file_read_all(arena, path, FILE_MAX, &octets);
	if (e.code == ERR_MISSING)
		return OK;
	TRY(e);
	return parse(guess, octets);
}

err pairs_save(struct guess *guess, struct arena *arena, str data_dir, uint64_t *saved)
{
	const int64_t day_less_tick_ms = clock_now() - clock_tick_ms();
	uint64_t version = guess_version(guess);
	struct guess_pair *pairs;
	struct buf out;
	str path;

	if (version == *saved)
		return OK;
	pairs = arena_alloc(arena, LIMIT_GUESS_PAIRS * sizeof *pairs);
	if (!pairs)
		return ERR_NO_MEMORY;
	size_t count = guess_pairs(guess, pairs); /* one that came since is written once more */
	TRY(path_of(arena, data_dir, &path));
	buf_init(&out, arena, FILE_MAX);
	buf_add(&out, (str){ magic, sizeof magic });
	for (size_t i = 0; i < count; i++) {
		buf_add_le64(&out, pairs[i].key);
		buf_add_le64(&out, (uint64_t)(pairs[i].at_ms + day_less_tick_ms));
	}
	TRY(buf_err(&out));
	buf_add_le32(&out, crc32c(0, buf_str(&out)));
	TRY(buf_err(&out));
	TRY(file_replace(arena, path, buf_str(&out), 0600));
	*saved = version;
	return OK;
}
