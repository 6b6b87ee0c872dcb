#include "mime/compose.h"

#include "mime/field.h"
#include "mime/transfer.h"

void mime_boundary_make(const unsigned char random[static MIME_BOUNDARY_RANDOM],
                        char out[static MIME_BOUNDARY_LEN])
{
	struct buf b;

	buf_init_fixed(&b, out, MIME_BOUNDARY_LEN);
	buf_add(&b, STR("=_"));
	buf_add_hex(&b, (str){ (const char *)random, MIME_BOUNDARY_RANDOM });
}

void mime_id_make(int64_t time_ms, const unsigned char random[static MIME_ID_RANDOM], str host,
                  struct buf *out)
{
	buf_add_i64(out, time_ms);
	buf_add_char(out, '.');
	buf_add_hex(out, (str){ (const char *)random, MIME_ID_RANDOM });
	buf_add_char(out, '@');
	buf_add(out, host);
}

static void add_field(struct buf *out, str name, str value)
{
	struct mime_field_writer f;

	mime_field_begin(&f, out, name);
	mime_field_word(&f, value);
	mime_field_end(&f);
}

/* What a body is written through. */
struct encoder {
	mime_encoding encoding;
	struct mime_base64_encoder base64;
	struct mime_qp_encoder qp;
	struct buf *out;
};

static void encode(struct encoder *e, str octets)
{
	switch (e->encoding) {
	case MIME_ENCODING_BASE64:
		mime_base64_encode(&e->base64, octets, e->out);
		break;
	case MIME_ENCODING_QUOTED_PRINTABLE:
		mime_qp_encode(&e->qp, octets, e->out);
		break;
	case MIME_ENCODING_IDENTITY:
	case MIME_ENCODING_UNKNOWN:
		buf_add(e->out, octets);
		break;
	}
}

static void encode_end(struct encoder *e)
{
	if (e->encoding == MIME_ENCODING_BASE64)
		mime_base64_encode_end(&e->base64, e->out);
	else if (e->encoding == MIME_ENCODING_QUOTED_PRINTABLE)
		mime_qp_encode_end(&e->qp, e->out);
}

static str name_of(mime_encoding encoding)
{
	switch (encoding) {
	case MIME_ENCODING_BASE64:
		return STR("base64");
	case MIME_ENCODING_QUOTED_PRINTABLE:
		return STR("quoted-printable");
	default:
		return STR("7bit");
	}
}

void mime_compose_text(str subtype, str text, struct buf *out)
{
	struct encoder e = { .encoding = mime_encoding_for(text), .out = out };
	struct mime_field_writer f;

	mime_field_begin(&f, out, STR("Content-Type"));
	mime_field_word(&f, STR("text/"));
	buf_add(out, subtype);
	f.column += subtype.len;
	mime_field_parameter(&f, STR("charset"), STR("utf-8"));
	mime_field_end(&f);
	add_field(out, STR("Content-Transfer-Encoding"), name_of(e.encoding));
	buf_add(out, CRLF);
	while (text.len) {
		str line = str_cut(&text, '\n');
		line.len -= line.len && line.ptr[line.len - 1] == '\r';
		encode(&e, line);
		encode(&e, CRLF);
	}
	encode_end(&e);
}

void mime_compose_attachment(str type, str name, str octets, struct buf *out)
{
	struct encoder e = { .encoding = MIME_ENCODING_BASE64, .out = out };
	struct mime_field_writer f;

	add_field(out, STR("Content-Type"), type);
	mime_field_begin(&f, out, STR("Content-Disposition"));
	mime_field_word(&f, STR("attachment"));
	if (name.len)
		mime_field_parameter(&f, STR("filename"), name);
	mime_field_end(&f);
	add_field(out, STR("Content-Transfer-Encoding"), name_of(e.encoding));
	buf_add(out, CRLF);
	encode(&e, octets);
	encode_end(&e);
}

void mime_compose_delimiter(str boundary, bool last, struct buf *out)
{
	buf_add(out, STR("--"));
	buf_add(out, boundary);
	buf_add(out, last ? STR("--\r\n") : CRLF);
}
