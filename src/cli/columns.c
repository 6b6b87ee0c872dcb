#include "cli/columns.h"

#include <assert.h>
#include <stdio.h>

struct columns_row {
	struct columns_row *next;
	const char *cells[COLUMNS_MOST];
};

/* Characters, as far as a terminal shows one for each code point. */
static size_t shown_width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

void columns_begin(struct columns *c, struct arena *arena, const char *const *heads, size_t width)
{
	const char *names[COLUMNS_MOST] = { 0 };

	assert(width <= COLUMNS_MOST);
	*c = (struct columns){ .arena = arena, .width = width };
	for (size_t i = 0; i < width; i++) {
		c->right[i] = heads[i][0] == '>';
		names[i] = heads[i] + c->right[i];
	}
	columns_add(c, names);
}

void columns_add(struct columns *c, const char *const *cells)
{
	struct columns_row *row = arena_new(c->arena, struct columns_row, 1);

	if (!row)
		return;
	for (size_t i = 0; i < c->width; i++) {
		char *copy = arena_z(c->arena, str_of(cells[i] ? cells[i] : ""));
		for (char *p = copy; p && *p; p++)
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				*p = '?';
		row->cells[i] = copy ? copy : "";
	}
	if (c->last)
		c->last->next = row;
	else
		c->first = row;
	c->last = row;
}

static void print_cell(const char *text, size_t width, bool right, bool last)
{
	int padding = (int)(width - shown_width(text));

	if (right)
		printf("%*s", padding, "");
	(void)fputs(text, stdout);
	if (!last)
		printf("%*s", right ? 2 : padding + 2, "");
}

void columns_print(const struct columns *c)
{
	size_t widths[COLUMNS_MOST] = { 0 };

	for (const struct columns_row *row = c->first; row; row = row->next)
		for (size_t i = 0; i < c->width; i++) {
			size_t width = shown_width(row->cells[i]);
			widths[i] = width > widths[i] ? width : widths[i];
		}
	for (const struct columns_row *row = c->first; row; row = row->next) {
		for (size_t i = 0; i < c->width; i++)
			print_cell(row->cells[i], widths[i], c->right[i], i + 1 == c->width);
		(void)putchar('\n');
	}
}
