/* LANG (RFC 6856 §3): in which language people read the replies. There is English. */
#include "pop3/session_internal.h"

/* RFC 4647 §3.4: who asks for en-GB may be answered in en. "*" is ours to choose. */
static bool is_english(str range)
{
	static const str tag = STR_INIT("en");

	if (str_eq(range, STR("*")))
		return true;
	return range.len >= tag.len && str_eq_nocase(str_slice(range, 0, tag.len), tag) &&
	       (range.len == tag.len || range.ptr[tag.len] == '-');
}

enum next pop3_cmd_lang(struct pop3_session *s, const struct pop3_command *c)
{
	if (c->text.len > 0)
		return pop3_say(s, is_english(c->text) ? POP3_REPLY_LANGUAGE : POP3_REPLY_NO_SUCH_LANGUAGE);
	pop3_say(s, POP3_REPLY_LANGUAGES);
	session_write(&s->session, STR("en English\r\n.\r\n"));
	return NEXT_COMMAND;
}
