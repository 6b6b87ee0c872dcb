#include "bounce/srs.h"

#include "auth/digest.h"
#include "base/limits.h"

enum { HASH_LEN = 6, DAY_LEN = 2, DAYS = 1024, DAY_MS = 86400000 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"; /* RFC 4648 §6 */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

/* --- hash and day --- */

/* Of the octets in lower case: on the way some servers fold them. */
static err hash_of(str key, str text, char out[static HASH_LEN])
{
	struct digest sum;
	char folded[2 * LIMIT_PATH];

	if (text.len > sizeof folded)
		return (err){ ERR_LIMIT, 0, "the address is too long" };
	for (size_t i = 0; i < text.len; i++)
		folded[i] = lower(text.ptr[i]);
	TRY(digest_hmac(key, (str){ folded, text.len }, &sum));
	const unsigned char *o = (const unsigned char *)sum.octets;
	uint32_t bits = (uint32_t)o[0] << 24 | (uint32_t)o[1] << 16 | (uint32_t)o[2] << 8 | o[3];
	for (int i = 0; i < HASH_LEN; i++)
		out[i] = alphabet[bits >> (27 - 5 * i) & 31];
	return OK;
}

static unsigned day_of(int64_t now_ms) { return (unsigned)(now_ms / DAY_MS % DAYS); }

static int value_of(char c)
{
	char upper = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;

	for (int i = 0; i < 32; i++)
		if (alphabet[i] == upper)
			return i;
	return -1;
}

static bool is_fresh(str day, int64_t now_ms)
{
	int high = day.len == DAY_LEN ? value_of(day.ptr[0]) : -1, low = high < 0 ? -1 : value_of(day.ptr[1]);

	if (low < 0)
		return false;
	unsigned age = (day_of(now_ms) + DAYS - (unsigned)(high * 32 + low)) % DAYS;
	return age <= LIMIT_SRS_DAYS;
}

static bool same_hash(str key, str given, str text)
{
	char hash[HASH_LEN];
	unsigned different = 0;

	if (given.len != HASH_LEN || hash_of(key, text, hash).code != ERR_OK)
		return false;
	for (int i = 0; i < HASH_LEN; i++)
		different |= (unsigned)(lower(given.ptr[i]) ^ lower(hash[i]));
	return different == 0;
}

/* --- reading --- */

/* "SRS0=" or "SRS1+", or with "-": all three are made (the scheme's own words). */
static bool has_tag(str local_part, char number)
{
	return local_part.len > 5 && str_eq_nocase(str_slice(local_part, 0, 3), STR("SRS")) &&
	       local_part.ptr[3] == number &&
	       (local_part.ptr[4] == '=' || local_part.ptr[4] == '+' || local_part.ptr[4] == '-');
}

bool srs_is(str local_part) { return has_tag(local_part, '0') || has_tag(local_part, '1'); }

/* Where the domain begins, one past the last '@'; 0: there is none. */
static size_t domain_at(str address)
{
	for (size_t i = address.len; i > 0; i--)
		if (address.ptr[i - 1] == '@')
			return i;
	return 0;
}

/* --- forward --- */

struct forward {
	str key, domain;
	char room[2 * LIMIT_PATH];
	struct buf text; /* what the hash is of */
};

static err finish(struct buf *out, struct forward *f, const char *tag)
{
	char hash[HASH_LEN];

	if (buf_err(&f->text).code != ERR_OK || f->text.len + HASH_LEN + 6 > LIMIT_LOCAL_PART)
		return (err){ ERR_LIMIT, LIMIT_LOCAL_PART, "the rewritten reverse-path would be too long" };
	TRY(hash_of(f->key, buf_str(&f->text), hash));
	buf_add(out, str_of(tag));
	buf_add(out, (str){ hash, HASH_LEN });
	buf_add_char(out, '=');
	buf_add(out, buf_str(&f->text));
	buf_add_char(out, '@');
	buf_add(out, f->domain);
	return buf_err(out);
}

/* An SRS0 address of another server: who made it is named, and what it made stands behind, from its "=" on.
 */
static err forward_again(struct buf *out, struct forward *f, str local_part, str domain)
{
	buf_add(&f->text, domain);
	buf_add_char(&f->text, '=');
	buf_add(&f->text, str_from(local_part, 4));
	return finish(out, f, "SRS1=");
}

/* An SRS1 address: only its hash is made anew. */
static err forward_on(struct buf *out, struct forward *f, str local_part)
{
	str rest = str_from(local_part, 5);

	str_cut(&rest, '=');
	buf_add(&f->text, rest);
	return finish(out, f, "SRS1=");
}

err srs_forward(struct buf *out, str key, int64_t now_ms, str reverse_path, str domain)
{
	struct forward f = { .key = key, .domain = domain };
	size_t at = domain_at(reverse_path);
	unsigned day = day_of(now_ms);

	if (at < 2 || at == reverse_path.len)
		return (err){ ERR_SYNTAX, 0, "the reverse-path is no address" };
	str local_part = str_slice(reverse_path, 0, at - 1), from = str_from(reverse_path, at);
	if (str_find_char(from, '=') < from.len) /* no domain has it, and it would end this one here */
		return (err){ ERR_SYNTAX, 0, "the reverse-path has no domain" };
	buf_init_fixed(&f.text, f.room, sizeof f.room);
	if (has_tag(local_part, '0'))
		return forward_again(out, &f, local_part, from);
	if (has_tag(local_part, '1'))
		return forward_on(out, &f, local_part);
	buf_add_char(&f.text, alphabet[day >> 5]);
	buf_add_char(&f.text, alphabet[day & 31]);
	buf_add_char(&f.text, '=');
	buf_add(&f.text, from);
	buf_add_char(&f.text, '=');
	buf_add(&f.text, local_part);
	return finish(out, &f, "SRS0=");
}

/* --- reverse --- */

static const err not_ours = { ERR_DENIED, 0, "this server has not made that address" };
static const err malformed = { ERR_SYNTAX, 0, "the rewritten address is not whole" };

/* DAY=domain=local */
static err reverse_first(struct buf *out, int64_t now_ms, str rest)
{
	str local_part = rest, day = str_cut(&local_part, '='), domain = str_cut(&local_part, '=');

	if (domain.len == 0 || local_part.len == 0)
		return malformed;
	if (!is_fresh(day, now_ms))
		return (err){ ERR_DENIED, 0, "the address is too old" };
	buf_add(out, local_part);
	buf_add_char(out, '@');
	buf_add(out, domain);
	return buf_err(out);
}

/* domain=SEPARATOR rest: back to who made the first one, whose own hash and day stand in the rest. */
static err reverse_again(struct buf *out, str rest)
{
	str domain = str_cut(&rest, '=');

	if (domain.len == 0 || rest.len < 2)
		return malformed;
	buf_add(out, STR("SRS0"));
	buf_add(out, rest);
	buf_add_char(out, '@');
	buf_add(out, domain);
	return buf_err(out);
}

err srs_reverse(struct buf *out, str key, int64_t now_ms, str local_part)
{
	if (!srs_is(local_part))
		return malformed;
	str rest = str_from(local_part, 5), hash = str_cut(&rest, '=');
	if (!same_hash(key, hash, rest))
		return not_ours;
	return local_part.ptr[3] == '0' ? reverse_first(out, now_ms, rest) : reverse_again(out, rest);
}
