#include "base/roff.h"

static void add_octet(struct buf *out, char c, bool line_begins)
{
	if (line_begins && (c == '.' || c == '\''))
		buf_add(out, STR("\\&"));
	if (c == '\\')
		buf_add(out, STR("\\e"));
	else if (c == '-')
		buf_add(out, STR("\\-"));
	else
		buf_add_char(out, c);
}

void roff_add(struct buf *out, str text)
{
	bool code = false;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '`') {
			code = !code;
			buf_add(out, code ? STR("\\fB") : STR("\\fR"));
			continue;
		}
		add_octet(out, text.ptr[i], i == 0 || text.ptr[i - 1] == '\n');
	}
	if (code)
		buf_add(out, STR("\\fR"));
}

void roff_add_bold(struct buf *out, str text)
{
	buf_add(out, STR("\\fB"));
	for (size_t i = 0; i < text.len; i++)
		add_octet(out, text.ptr[i], false);
	buf_add(out, STR("\\fR"));
}
