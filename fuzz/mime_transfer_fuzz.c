/* What is encoded is decoded to itself, in short lines of ASCII; decoding does not depend on the chunks,
 * which the first octet chooses. */
#include <stdlib.h>

#include "base/limits.h"
#include "mime/transfer.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static str piece(str s, size_t at, size_t chunk)
{
	return str_slice(s, at, s.len - at < chunk ? s.len : at + chunk);
}

static str decode(struct arena *arena, mime_encoding encoding, str in, size_t chunk, uint64_t *bad)
{
	struct mime_base64_decoder base64 = { 0 };
	struct mime_qp_decoder qp = { 0 };
	struct buf out;

	buf_init(&out, arena, LIMIT_MB);
	for (size_t at = 0; at < in.len; at += chunk) {
		if (encoding == MIME_ENCODING_BASE64)
			mime_base64_decode(&base64, piece(in, at, chunk), &out);
		else
			mime_qp_decode(&qp, piece(in, at, chunk), &out);
	}
	if (encoding == MIME_ENCODING_BASE64)
		base64.bad += !mime_base64_decode_end(&base64, &out);
	else
		mime_qp_decode_end(&qp, &out);
	*bad = base64.bad + qp.bad;
	return buf_str(&out);
}

static str encode(struct arena *arena, mime_encoding encoding, str in, size_t chunk)
{
	struct mime_base64_encoder base64 = { 0 };
	struct mime_qp_encoder qp = { 0 };
	struct buf out;

	buf_init(&out, arena, LIMIT_MB);
	for (size_t at = 0; at < in.len; at += chunk) {
		if (encoding == MIME_ENCODING_BASE64)
			mime_base64_encode(&base64, piece(in, at, chunk), &out);
		else
			mime_qp_encode(&qp, piece(in, at, chunk), &out);
	}
	if (encoding == MIME_ENCODING_BASE64)
		mime_base64_encode_end(&base64, &out);
	else
		mime_qp_encode_end(&qp, &out);
	must(buf_err(&out).code == ERR_OK);
	return buf_str(&out);
}

static void check_lines(str s)
{
	while (s.len) {
		str line = str_cut(&s, '\n');
		size_t len = line.len - str_ends_nocase(line, STR("\r"));
		must(len <= 76 &&
		     (len == 0 || (line.ptr[0] != '.' && (unsigned char)line.ptr[len - 1] > ' ')));
		for (size_t i = 0; i < len; i++)
			must((unsigned char)line.ptr[i] < 0x7f &&
			     (line.ptr[i] >= ' ' || line.ptr[i] == '\t'));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	static const mime_encoding encodings[] = { MIME_ENCODING_BASE64, MIME_ENCODING_QUOTED_PRINTABLE };

	if (size < 1 || size > 8192)
		return 0;
	str in = { (const char *)octets + 1, size - 1 };
	for (size_t i = 0; i < 2; i++) {
		struct arena arena;
		uint64_t bad, bad_too;
		arena_init(&arena, NULL, 64 * LIMIT_MB);
		str encoded = encode(&arena, encodings[i], in, size);
		must(str_eq(encoded, encode(&arena, encodings[i], in, 1 + octets[0])));
		check_lines(encoded);
		must(str_eq(in, decode(&arena, encodings[i], encoded, 1 + octets[0], &bad)) && bad == 0);
		str decoded = decode(&arena, encodings[i], in, size, &bad);
		must(str_eq(decoded, decode(&arena, encodings[i], in, 1 + octets[0], &bad_too)) &&
		     bad == bad_too);
		arena_reset(&arena);
	}
	mime_encoding_for(in);
	return 0;
}
