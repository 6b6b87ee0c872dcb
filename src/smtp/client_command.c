#include "smtp/client_command.h"

#include "smtp/xtext.h"

enum client_lack client_lacks(const struct smtp_hello *hello, const struct client_mail *mail)
{
	unsigned has = hello->extensions;

	if ((has & HELLO_SIZE) && hello->size > 0 && mail->size > hello->size)
		return LACKS_SIZE;
	if (mail->smtputf8 && !(has & HELLO_SMTPUTF8))
		return LACKS_SMTPUTF8;
	/* BINARYMIME is nothing without BDAT (RFC 3030 §3). */
	if (mail->body == QUEUE_BODY_BINARY && (!(has & HELLO_BINARYMIME) || !(has & HELLO_CHUNKING)))
		return LACKS_BINARYMIME;
	if (mail->body == QUEUE_BODY_8BIT && !(has & HELLO_8BITMIME))
		return LACKS_8BITMIME;
	if (mail->by_mode == 'R' && (!(has & HELLO_DELIVERBY) || mail->by_s < hello->by_min_s))
		return LACKS_DELIVERBY;
	return LACKS_NOTHING;
}

void client_xtext_add(struct buf *out, str octets)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < octets.len; i++) {
		unsigned char c = (unsigned char)octets.ptr[i];
		if (c > ' ' && c < 0x7f && c != '+' && c != '=') {
			buf_add_char(out, (char)c);
			continue;
		}
		buf_add_char(out, '+');
		buf_add_char(out, digits[c >> 4]);
		buf_add_char(out, digits[c & 15]);
	}
}

static void add_body(struct buf *out, unsigned has, enum queue_body body)
{
	if (body == QUEUE_BODY_BINARY)
		buf_add(out, STR(" BODY=BINARYMIME"));
	else if (body == QUEUE_BODY_8BIT && (has & HELLO_8BITMIME))
		buf_add(out, STR(" BODY=8BITMIME"));
}

static void add_dsn(struct buf *out, const struct client_mail *mail)
{
	if (mail->ret)
		buf_add(out, mail->ret == 'F' ? STR(" RET=FULL") : STR(" RET=HDRS"));
	if (mail->envid.len > 0) {
		buf_add(out, STR(" ENVID="));
		client_xtext_add(out, mail->envid);
	}
}

static void add_by(struct buf *out, const struct client_mail *mail)
{
	buf_add(out, STR(" BY="));
	buf_add_i64(out, mail->by_s);
	buf_add_char(out, ';');
	buf_add_char(out, mail->by_mode);
	if (mail->by_trace)
		buf_add_char(out, 'T');
}

void client_mail_add(struct buf *out, const struct smtp_hello *hello, const struct client_mail *mail)
{
	unsigned has = hello->extensions;

	buf_add(out, STR("MAIL FROM:<"));
	buf_add(out, mail->reverse_path);
	buf_add_char(out, '>');
	if (has & HELLO_SIZE) {
		buf_add(out, STR(" SIZE="));
		buf_add_u64(out, mail->size);
	}
	add_body(out, has, mail->body);
	if (mail->smtputf8)
		buf_add(out, STR(" SMTPUTF8"));
	if (has & HELLO_DSN)
		add_dsn(out, mail);
	if ((has & HELLO_DELIVERBY) && mail->by_mode)
		add_by(out, mail);
	if ((has & HELLO_PRIORITY) && mail->priority) {
		buf_add(out, STR(" MT-PRIORITY="));
		buf_add_i64(out, mail->priority);
	}
	buf_add(out, CRLF);
}

uint8_t client_notify(const struct smtp_hello *hello, const struct client_mail *mail, uint8_t notify)
{
	if (mail->by_mode != 'N' || mail->by_s <= 0 || (hello->extensions & HELLO_DELIVERBY) ||
	    (notify & QUEUE_NOTIFY_NEVER))
		return notify;
	return (uint8_t)((notify ? notify : QUEUE_NOTIFY_FAILURE) | QUEUE_NOTIFY_DELAY);
}

/* RFC 3461 §4.1: NEVER stands alone. */
static void add_notify(struct buf *out, uint8_t notify)
{
	static const struct {
		unsigned bit;
		str word;
	} words[] = { { QUEUE_NOTIFY_SUCCESS, STR_INIT("SUCCESS") },
		      { QUEUE_NOTIFY_FAILURE, STR_INIT("FAILURE") },
		      { QUEUE_NOTIFY_DELAY, STR_INIT("DELAY") } };
	char before = '=';

	buf_add(out, STR(" NOTIFY"));
	if (notify & QUEUE_NOTIFY_NEVER) {
		buf_add(out, STR("=NEVER"));
		return;
	}
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!(notify & words[i].bit))
			continue;
		buf_add_char(out, before);
		buf_add(out, words[i].word);
		before = ',';
	}
}

/* The type as it is, the address as xtext (RFC 3461 §4.2), or as the type utf-8 has it (RFC 6533 §3). */
static void add_orcpt(struct buf *out, str orcpt)
{
	str address = orcpt, type = str_cut(&address, ';');

	buf_add(out, STR(" ORCPT="));
	buf_add(out, type);
	buf_add_char(out, ';');
	if (str_eq_nocase(type, STR("utf-8")))
		unitext_encode(out, address);
	else
		client_xtext_add(out, address);
}

void client_rcpt_add(struct buf *out, const struct smtp_hello *hello, str forward_path, uint8_t notify,
                     str orcpt)
{
	buf_add(out, STR("RCPT TO:<"));
	buf_add(out, forward_path);
	buf_add_char(out, '>');
	if (hello->extensions & HELLO_DSN) {
		if (notify)
			add_notify(out, notify);
		if (orcpt.len > 0)
			add_orcpt(out, orcpt);
	}
	buf_add(out, CRLF);
}
