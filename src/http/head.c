#include "http/head.h"

#include <llhttp.h>

#include "base/limits.h"

/* What llhttp tells while it runs over one head. */
struct reading {
	str target, name, value;
	unsigned hosts;
	bool expects, expects_continue, coded, complete;
};

size_t http_head_end(str octets)
{
	size_t at = str_find(octets, STR("\r\n\r\n"));

	return at == octets.len ? 0 : at + 4;
}

/* A span of a contiguous input may come in pieces; they touch. */
static void extend(str *span, const char *at, size_t len)
{
	*span = span->len ? (str){ span->ptr, span->len + len } : (str){ at, len };
}

static int on_target(llhttp_t *parser, const char *at, size_t len)
{
	extend(&((struct reading *)parser->data)->target, at, len);
	return 0;
}

static int on_name(llhttp_t *parser, const char *at, size_t len)
{
	extend(&((struct reading *)parser->data)->name, at, len);
	return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
	extend(&((struct reading *)parser->data)->value, at, len);
	return 0;
}

static int on_field_complete(llhttp_t *parser)
{
	struct reading *r = parser->data;

	if (r->name.len == 0)
		return -1; /* llhttp 8.1 takes a field without a name */
	/* By its name, since llhttp 8.1 overlooks one with an empty value. */
	r->coded = r->coded || str_eq_nocase(r->name, STR("transfer-encoding"));
	if (str_eq_nocase(r->name, STR("host")))
		r->hosts++;
	if (str_eq_nocase(r->name, STR("expect"))) {
		r->expects = true;
		r->expects_continue = str_eq_nocase(str_trim_wsp(r->value), STR("100-continue"));
	}
	r->name = r->value = (str){ 0 };
	return 0;
}

static int on_head_complete(llhttp_t *parser)
{
	((struct reading *)parser->data)->complete = true;
	return 0;
}

/* Lines end with CR LF and nothing else; none begins with a space (RFC 9112 §5.2: a folded field), which
 * llhttp 8.1 takes even inside Transfer-Encoding; no NUL. */
static bool lines_are_clean(str head)
{
	for (size_t i = 0; i < head.len; i++) {
		char c = head.ptr[i], next = i + 1 < head.len ? head.ptr[i + 1] : '\0';
		if (c == '\0' || (c == '\r' && next != '\n'))
			return false;
		if (c == '\n' && (i == 0 || head.ptr[i - 1] != '\r' || next == ' ' || next == '\t'))
			return false;
	}
	return true;
}

static unsigned judge(const llhttp_t *parser, const struct reading *r)
{
	if (parser->http_major != 1 || parser->http_minor > 1)
		return 505;
	if (r->coded)
		return 411;
	if (parser->upgrade || r->target.len == 0 || r->hosts > 1 ||
	    (r->hosts == 0 && parser->http_minor == 1))
		return 400;
	if (r->expects && !r->expects_continue)
		return 417;
	return parser->content_length > LIMIT_HTTP_BODY ? 413 : 0;
}

unsigned http_head_parse(str head, struct http_head *out)
{
	struct reading r = { 0 };
	llhttp_settings_t settings;
	llhttp_t parser;

	if (!lines_are_clean(head))
		return 400;
	llhttp_settings_init(&settings);
	settings.on_url = on_target;
	settings.on_header_field = on_name;
	settings.on_header_value = on_value;
	settings.on_header_value_complete = on_field_complete;
	settings.on_headers_complete = on_head_complete;
	llhttp_init(&parser, HTTP_REQUEST, &settings);
	parser.data = &r;
	llhttp_errno_t failed = llhttp_execute(&parser, head.ptr, head.len);
	if (failed == HPE_INVALID_VERSION)
		return 505;
	if ((failed != HPE_OK && failed != HPE_PAUSED_UPGRADE) || !r.complete)
		return 400;
	unsigned refusal = judge(&parser, &r);
	if (refusal)
		return refusal;
	*out = (struct http_head){
		.method = str_of(llhttp_method_name((llhttp_method_t)parser.method)),
		.target = r.target,
		.content_length = parser.content_length,
		.keep_alive = llhttp_should_keep_alive(&parser) == 1,
		.expects_continue = r.expects_continue,
	};
	return 0;
}
