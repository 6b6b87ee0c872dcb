#include "mime/charset.h"

#include <iconv.h>

#include "base/limits.h"
#include "base/utf8.h"

enum { REPLACEMENT = 0xfffd };

/* What a name means: one of ours, or a name for iconv. */
enum { KIND_ICONV, KIND_UTF8, KIND_ASCII, KIND_LATIN };

struct charset {
	str name;          /* as senders write it, lower case */
	const char *iconv; /* NULL: done here */
	int kind;
};

/* Names as the registry of IANA and the WHATWG's Encoding have them; glibc lacks some that real mail uses. */
/* clang-format off */
static const struct charset charsets[] = {
	{ STR_INIT("utf-8"), NULL, KIND_UTF8 }, { STR_INIT("utf8"), NULL, KIND_UTF8 },
	{ STR_INIT("us-ascii"), NULL, KIND_ASCII }, { STR_INIT("ascii"), NULL, KIND_ASCII },
	{ STR_INIT("ansi_x3.4-1968"), NULL, KIND_ASCII }, { STR_INIT("iso-ir-6"), NULL, KIND_ASCII },
	{ STR_INIT("unicode-1-1-utf-8"), NULL, KIND_UTF8 }, { STR_INIT("646"), NULL, KIND_ASCII },
	{ STR_INIT("iso-8859-1"), NULL, KIND_LATIN }, { STR_INIT("iso8859-1"), NULL, KIND_LATIN },
	{ STR_INIT("iso_8859-1"), NULL, KIND_LATIN }, { STR_INIT("latin1"), NULL, KIND_LATIN },
	{ STR_INIT("latin-1"), NULL, KIND_LATIN }, { STR_INIT("windows-1252"), NULL, KIND_LATIN },
	{ STR_INIT("cp1252"), NULL, KIND_LATIN }, { STR_INIT("x-ansi"), NULL, KIND_LATIN },
	{ STR_INIT("iso-8859-2"), "ISO-8859-2", 0 }, { STR_INIT("iso8859-2"), "ISO-8859-2", 0 },
	{ STR_INIT("latin2"), "ISO-8859-2", 0 }, { STR_INIT("iso-8859-3"), "ISO-8859-3", 0 },
	{ STR_INIT("iso-8859-4"), "ISO-8859-4", 0 }, { STR_INIT("iso-8859-5"), "ISO-8859-5", 0 },
	{ STR_INIT("iso-8859-6"), "ISO-8859-6", 0 }, { STR_INIT("iso-8859-7"), "ISO-8859-7", 0 },
	{ STR_INIT("iso-8859-8"), "ISO-8859-8", 0 }, { STR_INIT("iso-8859-8-i"), "ISO-8859-8", 0 },
	{ STR_INIT("iso-8859-8-e"), "ISO-8859-8", 0 }, { STR_INIT("iso-8859-9"), "ISO-8859-9", 0 },
	{ STR_INIT("iso-8859-10"), "ISO-8859-10", 0 }, { STR_INIT("iso-8859-11"), "ISO-8859-11", 0 },
	{ STR_INIT("iso-8859-13"), "ISO-8859-13", 0 }, { STR_INIT("iso-8859-14"), "ISO-8859-14", 0 },
	{ STR_INIT("iso-8859-15"), "ISO-8859-15", 0 }, { STR_INIT("iso8859-15"), "ISO-8859-15", 0 },
	{ STR_INIT("latin9"), "ISO-8859-15", 0 }, { STR_INIT("iso-8859-16"), "ISO-8859-16", 0 },
	{ STR_INIT("windows-1250"), "CP1250", 0 }, { STR_INIT("cp1250"), "CP1250", 0 },
	{ STR_INIT("windows-1251"), "CP1251", 0 }, { STR_INIT("cp1251"), "CP1251", 0 },
	{ STR_INIT("windows-1253"), "CP1253", 0 }, { STR_INIT("windows-1254"), "CP1254", 0 },
	{ STR_INIT("windows-1255"), "CP1255", 0 }, { STR_INIT("windows-1256"), "CP1256", 0 },
	{ STR_INIT("windows-1257"), "CP1257", 0 }, { STR_INIT("windows-1258"), "CP1258", 0 },
	{ STR_INIT("windows-874"), "CP874", 0 }, { STR_INIT("tis-620"), "TIS-620", 0 },
	{ STR_INIT("koi8-r"), "KOI8-R", 0 }, { STR_INIT("koi8-u"), "KOI8-U", 0 },
	{ STR_INIT("ibm437"), "CP437", 0 }, { STR_INIT("cp437"), "CP437", 0 },
	{ STR_INIT("ibm850"), "CP850", 0 }, { STR_INIT("cp850"), "CP850", 0 },
	{ STR_INIT("ibm852"), "CP852", 0 }, { STR_INIT("cp852"), "CP852", 0 },
	{ STR_INIT("ibm866"), "CP866", 0 }, { STR_INIT("cp866"), "CP866", 0 },
	{ STR_INIT("macintosh"), "MACINTOSH", 0 }, { STR_INIT("x-mac-roman"), "MACINTOSH", 0 },
	{ STR_INIT("x-mac-cyrillic"), "MAC-CYRILLIC", 0 },
	{ STR_INIT("gb2312"), "GB18030", 0 }, { STR_INIT("gbk"), "GB18030", 0 },
	{ STR_INIT("x-gbk"), "GB18030", 0 }, { STR_INIT("gb18030"), "GB18030", 0 },
	{ STR_INIT("cp936"), "GB18030", 0 },
	{ STR_INIT("big5"), "BIG5-HKSCS", 0 }, { STR_INIT("big5-hkscs"), "BIG5-HKSCS", 0 },
	{ STR_INIT("cp950"), "CP950", 0 }, { STR_INIT("euc-tw"), "EUC-TW", 0 },
	{ STR_INIT("euc-kr"), "CP949", 0 }, { STR_INIT("ks_c_5601-1987"), "CP949", 0 },
	{ STR_INIT("ksc5601"), "CP949", 0 }, { STR_INIT("cp949"), "CP949", 0 },
	{ STR_INIT("iso-2022-kr"), "ISO-2022-KR", 0 },
	{ STR_INIT("iso-2022-jp"), "ISO-2022-JP", 0 }, { STR_INIT("csiso2022jp"), "ISO-2022-JP", 0 },
	{ STR_INIT("iso-2022-jp-2"), "ISO-2022-JP-2", 0 }, { STR_INIT("iso-2022-jp-3"), "ISO-2022-JP-3", 0 },
	{ STR_INIT("shift_jis"), "CP932", 0 }, { STR_INIT("shift-jis"), "CP932", 0 },
	{ STR_INIT("sjis"), "CP932", 0 }, { STR_INIT("x-sjis"), "CP932", 0 },
	{ STR_INIT("windows-31j"), "CP932", 0 }, { STR_INIT("cp932"), "CP932", 0 },
	{ STR_INIT("euc-jp"), "EUC-JP", 0 }, { STR_INIT("x-euc-jp"), "EUC-JP", 0 },
	{ STR_INIT("utf-7"), "UTF-7", 0 }, { STR_INIT("unicode-1-1-utf-7"), "UTF-7", 0 },
	{ STR_INIT("utf-16"), "UTF-16", 0 }, { STR_INIT("utf-16le"), "UTF-16LE", 0 },
	{ STR_INIT("utf-16be"), "UTF-16BE", 0 }, { STR_INIT("utf-32"), "UTF-32", 0 },
	{ STR_INIT("utf-32le"), "UTF-32LE", 0 }, { STR_INIT("utf-32be"), "UTF-32BE", 0 },
};
/* clang-format on */

/* 0x80 to 0x9f of windows-1252; 0 is not assigned. */
static const uint16_t c1_of_1252[32] = {
	0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
	0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
	0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178,
};

static const struct charset *find(str name)
{
	for (size_t i = 0; i < sizeof charsets / sizeof charsets[0]; i++)
		if (str_eq_nocase(charsets[i].name, name))
			return &charsets[i];
	return NULL;
}

bool mime_charset_known(str charset) { return find(charset) != NULL; }

bool mime_charset_is_wide(str charset)
{
	return str_starts_nocase(charset, STR("utf-16")) || str_starts_nocase(charset, STR("utf-32"));
}

size_t mime_utf8_prefix(str s, size_t max)
{
	size_t len = s.len;

	if (len <= max)
		return len;
	for (len = max; len > 0 && ((unsigned char)s.ptr[len] & 0xc0) == 0x80;)
		len--;
	return len;
}

static void add_utf8(str s, struct buf *out)
{
	while (s.len) {
		size_t valid = utf8_invalid(s);
		buf_add(out, str_slice(s, 0, valid));
		s = str_from(s, valid);
		if (s.len) {
			utf8_add(out, REPLACEMENT);
			s = str_from(s, 1);
		}
	}
}

static void add_latin(str s, struct buf *out)
{
	for (size_t i = 0; i < s.len;) {
		size_t start = i;
		while (i < s.len && (unsigned char)s.ptr[i] < 0x80)
			i++;
		buf_add(out, str_slice(s, start, i));
		if (i == s.len)
			return;
		unsigned char c = (unsigned char)s.ptr[i++];
		uint32_t wide = c < 0xa0 ? c1_of_1252[c - 0x80] : c;
		utf8_add(out, wide ? wide : REPLACEMENT);
	}
}

/* False where iconv has no such charset. */
static bool add_iconv(const char *name, str s, struct buf *out)
{
	iconv_t cd = iconv_open("UTF-8", name);
	char *in = (char *)s.ptr;
	size_t left = s.len;

	if (cd == (iconv_t)-1)
		return false;
	/* The last round, without input, asks for what iconv holds back (CP1255, BIG5-HKSCS). */
	for (bool more = true; more;) {
		more = left > 0;
		char octets[1024];
		char *to = octets;
		size_t room = sizeof octets;
		size_t before = left;
		size_t got = iconv(cd, more ? &in : NULL, &left, &to, &room);
		buf_add(out, (str){ octets, sizeof octets - room });
		if (got == (size_t)-1 && (room == sizeof octets || left == before) && left) {
			utf8_add(out, REPLACEMENT);
			in++;
			left--;
		}
	}
	iconv_close(cd);
	return true;
}

bool mime_to_utf8(str charset, str octets, struct buf *out, unsigned *conversions)
{
	const struct charset *c = find(charset);

	/* What calls itself ASCII and has 8-bit octets is UTF-8, or Latin-1 that lies. */
	bool is_utf8 =
		c && (c->kind == KIND_UTF8 || (c->kind == KIND_ASCII && utf8_invalid(octets) == octets.len));
	if (c && c->kind != KIND_ICONV) {
		if (is_utf8)
			add_utf8(octets, out);
		else
			add_latin(octets, out);
		return true;
	}
	if (c && *conversions > 0) {
		(*conversions)--;
		if (add_iconv(c->iconv, octets, out))
			return true;
	}
	if (utf8_invalid(octets) == octets.len)
		buf_add(out, octets);
	else
		add_latin(octets, out);
	return false;
}
