#include "deliver/passed.h"

#define RECEIVED STR("received")

void passed_init(struct passed *p, str hostname)
{
	*p = (struct passed){ .hostname = hostname, .state = PASSED_NAME, .begins = true };
}

static void begin_word(struct passed *p)
{
	p->len = 0;
	p->is_by = p->is_us = true;
}

static void word_octet(struct passed *p, char c)
{
	c = ascii_lower(c);
	p->is_by = p->is_by && p->len < 2 && c == "by"[p->len];
	p->is_us = p->is_us && p->len < p->hostname.len && c == ascii_lower(p->hostname.ptr[p->len]);
	p->len++;
}

static void end_word(struct passed *p)
{
	if (p->len == 0)
		return;
	if (p->after_by && p->is_us && p->len == p->hostname.len && !p->counted) {
		p->counted = true;
		p->count++;
	}
	p->after_by = p->is_by && p->len == 2;
	begin_word(p);
}

/* Words of the body, without its comments. */
static void body_octet(struct passed *p, char c)
{
	if (c == '(') {
		end_word(p);
		p->comments++;
	} else if (p->comments > 0) {
		p->comments -= c == ')';
	} else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';') {
		end_word(p);
	} else {
		word_octet(p, c);
	}
}

static void name_octet(struct passed *p, char c)
{
	if (p->at < RECEIVED.len && ascii_lower(c) == RECEIVED.ptr[p->at]) {
		p->at++;
	} else if (p->at == RECEIVED.len && (c == ':' || c == ' ' || c == '\t')) {
		p->state = c == ':' ? PASSED_WORD : PASSED_COLON;
		p->counted = p->after_by = false;
		p->comments = 0;
		begin_word(p);
	} else {
		p->state = PASSED_OTHER;
	}
}

/* The first octet of a line. What folds goes on with the field before. */
static void begin_line(struct passed *p, char c)
{
	p->begins = false;
	if (c == ' ' || c == '\t') {
		p->state = p->state == PASSED_LINE ? PASSED_WORD : PASSED_OTHER;
		return;
	}
	p->state = c == '\r' ? PASSED_BODY : PASSED_NAME; /* nothing but CRLF has a CR: the line is empty */
	p->at = 0;
}

static void take(struct passed *p, char c)
{
	if (p->begins)
		begin_line(p, c);
	if (p->state == PASSED_NAME)
		name_octet(p, c);
	else if (p->state == PASSED_COLON && c != ' ' && c != '\t')
		p->state = c == ':' ? PASSED_WORD : PASSED_OTHER;
	else if (p->state == PASSED_WORD)
		body_octet(p, c);
	if (c == '\n' && p->state != PASSED_BODY) {
		p->state = p->state == PASSED_WORD ? PASSED_LINE : PASSED_OTHER;
		p->begins = true;
	}
}

void passed_push(struct passed *p, str octets)
{
	for (size_t i = 0; i < octets.len && p->state != PASSED_BODY; i++) {
		if (p->state == PASSED_OTHER &&
		    !p->begins) { /* most of a header: to its line's end at once */
			i += str_find_char(str_from(octets, i), '\n');
			if (i == octets.len)
				return;
		}
		take(p, octets.ptr[i]);
	}
}

uint32_t passed_count(const struct passed *p) { return p->count; }
