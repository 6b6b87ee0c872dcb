/* Parameters are read to the end or refused where they break, what was said is within its bounds, and no
 * decoded text has what would break a header field. */
#include <stdlib.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "smtp/parameters.h"
#include "smtp/xtext.h"
#include "store/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static bool is_printable(str s, bool wide)
{
	for (size_t i = 0; i < s.len; i++)
		if ((s.ptr[i] < ' ' && !(wide && (unsigned char)s.ptr[i] >= 0x80)) || s.ptr[i] == 0x7f)
			return false;
	return utf8_invalid(s) == s.len;
}

static void check_mail(const struct smtp_mail_parameters *p)
{
	must(p->has_size || p->size == 0);
	must(p->envid.len <= LIMIT_ENVID && is_printable(p->envid, false));
	must(p->has_envid == (p->envid.len > 0));
	must(p->ret == 0 || p->ret == 'F' || p->ret == 'H');
	must(p->by_mode == 0 || p->by_mode == 'N' || (p->by_mode == 'R' && p->by_s > 0));
	must(p->by_s >= -999999999 && p->by_s <= 999999999);
	must(p->hold_for_s >= 0 && p->hold_for_s <= 999999999 &&
	     (p->hold_for_s == 0 || p->hold_until_ms == 0));
	must(p->priority >= -9 && p->priority <= 9);
}

/* What goes out again is what came in. */
static void check_way_back(str orcpt)
{
	char encoded_room[10 * LIMIT_ORCPT], decoded_room[LIMIT_ORCPT];
	struct buf encoded, decoded;
	str address = orcpt, type = str_cut(&address, ';');

	if (!str_eq_nocase(type, STR("utf-8")))
		return;
	buf_init_fixed(&encoded, encoded_room, sizeof encoded_room);
	buf_init_fixed(&decoded, decoded_room, sizeof decoded_room);
	unitext_encode(&encoded, address);
	must(unitext_decode(&decoded, buf_str(&encoded)).code == ERR_OK);
	must(str_eq(buf_str(&decoded), address));
}

static void check_rcpt(const struct smtp_rcpt_parameters *p)
{
	must(p->orcpt.len <= LIMIT_ORCPT && is_printable(p->orcpt, true));
	must(p->has_orcpt == (str_find_char(p->orcpt, ';') < p->orcpt.len));
	check_way_back(p->orcpt);
	must(p->has_notify == (p->notify != 0));
	must(!(p->notify & QUEUE_NOTIFY_NEVER) || p->notify == QUEUE_NOTIFY_NEVER);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	scan s = { { (const char *)octets, size }, 0 };
	struct smtp_mail_parameters mail;
	struct smtp_rcpt_parameters rcpt;
	struct arena arena;
	err e;

	arena_init(&arena, NULL, LIMIT_COMMAND_ARENA);
	e = smtp_mail_parameters_parse(&s, &arena, &mail);
	must(s.at <= size);
	must(e.code == ERR_OK ? scan_at_end(&s) : e.what != NULL);
	if (e.code == ERR_OK)
		check_mail(&mail);
	s.at = 0;
	e = smtp_rcpt_parameters_parse(&s, &arena, &rcpt);
	must(s.at <= size);
	must(e.code == ERR_OK ? scan_at_end(&s) : e.what != NULL);
	if (e.code == ERR_OK)
		check_rcpt(&rcpt);
	arena_reset(&arena);
	return 0;
}
