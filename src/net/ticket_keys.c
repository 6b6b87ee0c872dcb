#include "net/ticket_keys.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/random.h"

/* The file: magic, count, the keys, CRC-32C of all before; numbers little-endian. */
static const char magic[8] = "PRTKEYS1";
enum { KEY_OCTETS = 16 + 32 + 32 + 8, HEAD_OCTETS = sizeof magic + 4, CRC_OCTETS = 4 };

static const int64_t seals_ms = LIMIT_TICKET_KEY_S * 1000ll,
		     lives_ms = (LIMIT_TICKET_KEY_S + LIMIT_TICKET_S) * 1000ll;

static_assert(TICKET_KEYS_MAX > (LIMIT_TICKET_KEY_S + LIMIT_TICKET_S) / LIMIT_TICKET_KEY_S,
              "every key that a living ticket may need has its place");

/* A clock that was set back leaves keys of the future: they are forgotten, not kept for ever. */
static bool is_alive(const struct ticket_key *key, int64_t now_ms)
{
	return key->made_ms <= now_ms && now_ms - key->made_ms < lives_ms;
}

static void make(struct ticket_key *key, int64_t now_ms)
{
	random_fill(key->name, sizeof key->name);
	random_fill(key->cipher, sizeof key->cipher);
	random_fill(key->mac, sizeof key->mac);
	key->made_ms = now_ms;
}

bool ticket_keys_turn(struct ticket_keys *keys, int64_t now_ms)
{
	size_t kept = 0;

	for (size_t i = 0; i < keys->count; i++)
		if (is_alive(&keys->item[i], now_ms))
			keys->item[kept++] = keys->item[i];
	bool changed = kept != keys->count;
	if (kept == 0 || now_ms - keys->item[0].made_ms >= seals_ms) {
		if (kept == TICKET_KEYS_MAX)
			kept--;
		memmove(keys->item + 1, keys->item, kept * sizeof keys->item[0]);
		make(&keys->item[0], now_ms);
		kept++;
		changed = true;
	}
	explicit_bzero(keys->item + kept, (TICKET_KEYS_MAX - kept) * sizeof keys->item[0]);
	keys->count = kept;
	return changed;
}

int64_t ticket_keys_next_ms(const struct ticket_keys *keys)
{
	assert(keys->count > 0);
	return keys->item[0].made_ms + seals_ms;
}

const struct ticket_key *ticket_keys_find(const struct ticket_keys *keys, const unsigned char name[16])
{
	for (size_t i = 0; i < keys->count; i++)
		if (memcmp(keys->item[i].name, name, sizeof keys->item[i].name) == 0)
			return &keys->item[i];
	return NULL;
}

static str octets_of(const unsigned char *octets, size_t size) { return (str){ (const char *)octets, size }; }

void ticket_keys_format(struct buf *out, const struct ticket_keys *keys)
{
	size_t begin = out->len;

	buf_add(out, (str){ magic, sizeof magic });
	buf_add_le32(out, (uint32_t)keys->count);
	for (size_t i = 0; i < keys->count; i++) {
		const struct ticket_key *key = &keys->item[i];
		buf_add(out, octets_of(key->name, sizeof key->name));
		buf_add(out, octets_of(key->cipher, sizeof key->cipher));
		buf_add(out, octets_of(key->mac, sizeof key->mac));
		buf_add_le64(out, (uint64_t)key->made_ms);
	}
	if (buf_err(out).code == ERR_OK)
		buf_add_le32(out, crc32c(0, str_from(buf_str(out), begin)));
}

static void take(str *in, unsigned char *out, size_t size)
{
	memcpy(out, in->ptr, size);
	*in = str_from(*in, size);
}

err ticket_keys_parse(str octets, struct ticket_keys *out)
{
	static const err corrupt = { ERR_CORRUPT, 0, "not a file of ticket keys" };
	struct ticket_keys keys = { 0 };
	uint32_t count, crc;
	uint64_t made_ms;

	if (octets.len < HEAD_OCTETS + CRC_OCTETS || memcmp(octets.ptr, magic, sizeof magic) != 0)
		return corrupt;
	str body = str_slice(octets, 0, octets.len - CRC_OCTETS), end = str_from(octets, body.len);
	if (!bytes_le32(&end, &crc) || crc != crc32c(0, body))
		return corrupt;
	body = str_from(body, sizeof magic);
	if (!bytes_le32(&body, &count) || count > TICKET_KEYS_MAX || body.len != count * KEY_OCTETS)
		return corrupt;
	for (keys.count = 0; keys.count < count; keys.count++) {
		struct ticket_key *key = &keys.item[keys.count];
		take(&body, key->name, sizeof key->name);
		take(&body, key->cipher, sizeof key->cipher);
		take(&body, key->mac, sizeof key->mac);
		if (!bytes_le64(&body, &made_ms))
			return corrupt;
		key->made_ms = (int64_t)made_ms;
	}
	*out = keys;
	return OK;
}
