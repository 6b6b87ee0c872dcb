#include "mime/charset.h"

#include <iconv.h>

#include "base/limits.h"
#include "base/utf8.h"

enum { REPLACEMENT = 0xfffd };

/* What a name means: one of ours, or a name for iconv. */
enum { KIND_ICONV, KIND_UTF8, KIND_ASCII, KIND_LATIN };

enum { LABEL_MAX = 40 };

struct charset {
	const char *iconv; /* NULL: done here */
	int kind;
	str labels; /* as senders write it: lower case, each between spaces */
};

/* The labels of the WHATWG's Encoding, each with the charset it means there, and what mail has besides; glibc
 * lacks many of them. iso-2022-kr, -cn and utf-7 are dangerous to a browser and merely old in mail. */
/* clang-format off */
static const struct charset charsets[] = {
	{ NULL, KIND_UTF8, STR_INIT(" utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8 utf-8-mac "
	                            "utf8mb4 ") },
	{ NULL, KIND_ASCII, STR_INIT(" us-ascii ascii ansi_x3.4-1968 ansi_x3.4-1986 iso-ir-6 iso646-us csascii 646 cp367 "
	                             "ibm367 ") },
	{ NULL, KIND_LATIN, STR_INIT(" iso-8859-1 windows-1252 latin1 latin-1 cp1252 cp819 csisolatin1 ibm819 iso-ir-100 "
	                             "iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 l1 x-cp1252 x-ansi win-1252 ") },
	{ "ISO-8859-2", 0, STR_INIT(" iso-8859-2 csisolatin2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 "
	                            "latin2 latin-2 ") },
	{ "ISO-8859-3", 0, STR_INIT(" iso-8859-3 csisolatin3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 "
	                            "latin3 ") },
	{ "ISO-8859-4", 0, STR_INIT(" iso-8859-4 csisolatin4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 "
	                            "latin4 ") },
	{ "ISO-8859-5", 0, STR_INIT(" iso-8859-5 csisolatincyrillic cyrillic iso-ir-144 iso8859-5 iso88595 iso_8859-5 "
	                            "iso_8859-5:1988 ") },
	{ "ISO-8859-6", 0, STR_INIT(" iso-8859-6 arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 "
	                            "iso-8859-6-e iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987 ") },
	{ "ISO-8859-7", 0, STR_INIT(" iso-8859-7 csisolatingreek ecma-118 elot_928 greek greek8 iso-ir-126 iso8859-7 "
	                            "iso88597 iso_8859-7 iso_8859-7:1987 sun_eu_greek ") },
	{ "ISO-8859-8", 0, STR_INIT(" iso-8859-8 iso-8859-8-i iso-8859-8-e csiso88598e csiso88598i csisolatinhebrew hebrew "
	                            "iso-ir-138 iso8859-8 iso88598 iso_8859-8 iso_8859-8:1988 visual logical ") },
	{ "ISO-8859-10", 0, STR_INIT(" iso-8859-10 csisolatin6 iso-ir-157 iso8859-10 iso885910 l6 latin6 ") },
	{ "ISO-8859-13", 0, STR_INIT(" iso-8859-13 iso8859-13 iso885913 ") },
	{ "ISO-8859-14", 0, STR_INIT(" iso-8859-14 iso8859-14 iso885914 ") },
	{ "ISO-8859-15", 0, STR_INIT(" iso-8859-15 csisolatin9 iso8859-15 iso885915 iso_8859-15 l9 latin9 latin-9 ") },
	{ "ISO-8859-16", 0, STR_INIT(" iso-8859-16 iso8859-16 iso885916 ") },
	{ "CP1250", 0, STR_INIT(" windows-1250 cp1250 x-cp1250 win-1250 ") },
	{ "CP1251", 0, STR_INIT(" windows-1251 cp1251 x-cp1251 win-1251 ") },
	{ "CP1253", 0, STR_INIT(" windows-1253 cp1253 x-cp1253 ") },
	{ "CP1254", 0, STR_INIT(" windows-1254 cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 "
	                        "iso_8859-9:1989 l5 latin5 x-cp1254 ") },
	{ "CP1255", 0, STR_INIT(" windows-1255 cp1255 x-cp1255 ") },
	{ "CP1256", 0, STR_INIT(" windows-1256 cp1256 x-cp1256 ") },
	{ "CP1257", 0, STR_INIT(" windows-1257 cp1257 x-cp1257 ") },
	{ "CP1258", 0, STR_INIT(" windows-1258 cp1258 x-cp1258 ") },
	{ "CP874", 0, STR_INIT(" windows-874 tis-620 iso-8859-11 iso8859-11 iso885911 dos-874 cp874 ") },
	{ "KOI8-R", 0, STR_INIT(" koi8-r cskoi8r koi koi8 koi8_r ") },
	{ "KOI8-U", 0, STR_INIT(" koi8-u koi8-ru ") },
	{ "CP437", 0, STR_INIT(" ibm437 cp437 437 ") },
	{ "CP850", 0, STR_INIT(" ibm850 cp850 850 ") },
	{ "CP852", 0, STR_INIT(" ibm852 cp852 852 ") },
	{ "CP866", 0, STR_INIT(" ibm866 cp866 866 csibm866 ") },
	{ "MACINTOSH", 0, STR_INIT(" macintosh csmacintosh mac x-mac-roman ") },
	{ "MAC-CYRILLIC", 0, STR_INIT(" x-mac-cyrillic x-mac-ukrainian ") },
	{ "VISCII", 0, STR_INIT(" viscii csviscii ") },
	{ "GB18030", 0, STR_INIT(" gb2312 gbk gb18030 chinese csgb2312 csiso58gb231280 gb_2312 gb_2312-80 iso-ir-58 x-gbk "
	                         "cp936 ms936 windows-936 cn-gb euc-cn ") },
	{ "BIG5-HKSCS", 0, STR_INIT(" big5 big5-hkscs cn-big5 csbig5 x-x-big5 big-5 ") },
	{ "CP950", 0, STR_INIT(" cp950 ms950 windows-950 ") },
	{ "EUC-TW", 0, STR_INIT(" euc-tw x-euc-tw ") },
	{ "CP949", 0, STR_INIT(" euc-kr ks_c_5601-1987 cseuckr csksc56011987 iso-ir-149 korean ks_c_5601-1989 ksc5601 "
	                       "ksc_5601 windows-949 cp949 ms949 ks_c_5601 ") },
	{ "ISO-2022-KR", 0, STR_INIT(" iso-2022-kr csiso2022kr ") },
	{ "ISO-2022-CN", 0, STR_INIT(" iso-2022-cn ") },
	{ "ISO-2022-JP", 0, STR_INIT(" iso-2022-jp csiso2022jp ") },
	{ "ISO-2022-JP-2", 0, STR_INIT(" iso-2022-jp-1 iso-2022-jp-2 csiso2022jp2 ") },
	{ "ISO-2022-JP-3", 0, STR_INIT(" iso-2022-jp-3 iso-2022-jp-2004 ") },
	{ "CP932", 0, STR_INIT(" shift_jis csshiftjis ms932 ms_kanji shift-jis sjis windows-31j x-sjis cp932 "
	                       "cswindows31j ") },
	{ "EUC-JP", 0, STR_INIT(" euc-jp cseucpkdfmtjapanese x-euc-jp eucjp ") },
	{ "UTF-7", 0, STR_INIT(" utf-7 unicode-1-1-utf-7 csunicode11utf7 ") },
	{ "UTF-16", 0, STR_INIT(" utf-16 iso-10646-ucs-2 csunicode ucs-2 unicode unicodefeff ") },
	{ "UTF-16LE", 0, STR_INIT(" utf-16le ") },
	{ "UTF-16BE", 0, STR_INIT(" utf-16be unicodefffe ") },
	{ "UTF-32", 0, STR_INIT(" utf-32 iso-10646-ucs-4 ") },
	{ "UTF-32LE", 0, STR_INIT(" utf-32le ") }, { "UTF-32BE", 0, STR_INIT(" utf-32be ") },
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
	char key[LABEL_MAX + 2];

	if (name.len > LABEL_MAX || str_find_char(name, ' ') < name.len)
		return NULL;
	key[0] = key[name.len + 1] = ' ';
	for (size_t i = 0; i < name.len; i++)
		key[i + 1] = ascii_lower(name.ptr[i]);
	for (size_t i = 0; i < sizeof charsets / sizeof charsets[0]; i++)
		if (str_find(charsets[i].labels, (str){ key, name.len + 2 }) < charsets[i].labels.len)
			return &charsets[i];
	return NULL;
}

bool mime_charset_known(str charset) { return find(charset) != NULL; }

bool mime_charset_is_wide(str charset)
{
	const struct charset *c = find(charset);

	return c && c->iconv && (strncmp(c->iconv, "UTF-16", 6) == 0 || strncmp(c->iconv, "UTF-32", 6) == 0);
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
