#include "cli/usage.h"

#define PROGRAM STR("postrider ")

static bool is_action(str word)
{
	for (size_t i = 0; i < word.len; i++)
		if (!(word.ptr[i] >= 'a' && word.ptr[i] <= 'z') && word.ptr[i] != '-')
			return false;
	return word.len > 0 && word.ptr[0] != '-';
}

static size_t usage_end(str help)
{
	size_t end = str_find(help, STR("\n\n"));

	return end < help.len ? end + 1 : help.len;
}

void usage_begin(struct usage_reader *r, str help)
{
	assert(str_starts(help, STR("Usage: ")));
	*r = (struct usage_reader){ .rest = str_slice(help, 0, usage_end(help)) };
}

str usage_text(str help)
{
	size_t end = usage_end(help);

	return str_from(help, end < help.len ? end + 1 : end);
}

/* The next of the words; spaces and line ends are between them. */
static str next_word(str *rest)
{
	size_t from = 0, to;

	while (from < rest->len && (rest->ptr[from] == ' ' || rest->ptr[from] == '\n'))
		from++;
	for (to = from; to < rest->len && rest->ptr[to] != ' ' && rest->ptr[to] != '\n';)
		to++;
	str word = str_slice(*rest, from, to);
	*rest = str_from(*rest, to);
	return word;
}

/* From "postrider NAME" to the next "postrider", without these. */
static bool next_line(struct usage_reader *r)
{
	size_t begin = str_find(r->rest, PROGRAM);

	if (begin == r->rest.len)
		return false;
	str from = str_from(r->rest, begin + PROGRAM.len);
	size_t end = str_find(from, PROGRAM);
	r->line = str_slice(from, 0, end);
	r->rest = str_from(from, end);
	(void)next_word(&r->line);
	return true;
}

bool usage_next(struct usage_reader *r, struct usage_form *out)
{
	str word;

	*out = (struct usage_form){ 0 };
	if (r->line.len == 0 && !next_line(r))
		return false;
	while ((word = next_word(&r->line)).len > 0) {
		if (str_eq(word, STR("|")))
			return true;
		if (out->count == 0 && out->action.len == 0 && is_action(word)) {
			out->action = word;
			continue;
		}
		assert(out->count < USAGE_FORM_WORDS);
		out->words[out->count++] = word;
	}
	r->line = STR("");
	return true;
}

/* Without brackets, and without what says that it may be repeated. */
static str bare(str word)
{
	while (word.len > 0 && (word.ptr[0] == '[' || word.ptr[0] == '('))
		word = str_from(word, 1);
	size_t end = str_find_char(word, ']');
	if (end == word.len)
		end = str_find(word, STR("..."));
	return str_slice(word, 0, end);
}

static bool is_option(str word) { return bare(word).len > 1 && bare(word).ptr[0] == '-'; }

bool usage_option_next(const struct usage_form *form, size_t *at, struct usage_option *out)
{
	for (size_t i = *at; i < form->count; i++) {
		str word = form->words[i];

		if (!is_option(word))
			continue;
		*out = (struct usage_option){ .name = bare(word) };
		bool closed = str_find_char(word, ']') < word.len;
		if (!closed && i + 1 < form->count && !is_option(form->words[i + 1]) &&
		    form->words[i + 1].ptr[0] != '[')
			out->value = bare(form->words[++i]);
		*at = i + 1;
		return true;
	}
	*at = form->count;
	return false;
}

bool usage_has_argument(const struct usage_form *form, str kind)
{
	for (size_t i = 0; i < form->count; i++) {
		bool is_value = i > 0 && is_option(form->words[i - 1]) &&
		                str_find_char(form->words[i - 1], ']') == form->words[i - 1].len;
		if (!is_value && str_starts(bare(form->words[i]), kind))
			return true;
	}
	return false;
}

bool usage_has_action(str help, str action)
{
	struct usage_reader r;
	struct usage_form form;

	usage_begin(&r, help);
	while (usage_next(&r, &form))
		if (str_eq(form.action, action))
			return true;
	return false;
}

bool usage_has_option(str help, str option)
{
	struct usage_reader r;
	struct usage_form form;
	struct usage_option found;

	usage_begin(&r, help);
	while (usage_next(&r, &form))
		for (size_t at = 0; usage_option_next(&form, &at, &found);)
			if (str_eq(found.name, option))
				return true;
	return false;
}

str usage_says(str help, str option)
{
	str text = usage_text(help);

	while (text.len > 0) {
		str line = str_cut(&text, '\n');
		if (!str_starts(line, STR("  ")) || !str_starts(str_from(line, 2), option))
			continue;
		str after = str_from(line, 2 + option.len);
		size_t gap = str_find(after, STR("  "));
		if (after.len > 0 && after.ptr[0] == ' ' && gap < after.len)
			return str_trim_wsp(str_from(after, gap));
	}
	return STR("");
}
