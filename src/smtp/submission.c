/* Submission (RFC 6409): who may send, as whom, and how much. What the directory says at that moment counts,
 * not what it said at the login. Peers of network.relay_from need no login, and then nobody's addresses are
 * checked. Programs of this machine are who the system says (smtp/local.h). */
#include "base/clock.h"
#include "deliver/address.h"
#include "deliver/sender.h"
#include "smtp/session_internal.h"
#include "store/app.h"

enum smtp_reply smtp_may_send(const struct smtp_session *s)
{
	if (!s->role->submission || s->identity || s->local || s->trusted)
		return SMTP_REPLY_MAIL_OK;
	return sasl_takes_passwords(&s->session, &s->sasl) || !conn_can_start_tls(s->session.conn)
	               ? SMTP_REPLY_LOGIN_FIRST
	               : SMTP_REPLY_TLS_FIRST;
}

static enum sender_answer ask(struct smtp_session *s, str address)
{
	const struct directory *directory = directory_acquire(s->server->store);
	enum sender_answer answer = sender_check(directory, &s->session.command_arena, s->identity, address);

	directory_release(directory);
	return answer;
}

/* The null reverse-path is anybody's: From tells then. */
static enum smtp_reply check_local_path(struct smtp_session *s, const struct smtp_path *path)
{
	str address = STR("");

	if (path->text.len == 0)
		return SMTP_REPLY_MAIL_OK;
	if (address_join(&s->session.command_arena, path->local_part, path->domain, &address).code != ERR_OK)
		return SMTP_REPLY_NO_SPACE;
	return local_login_may_send(&s->local->login, address) ? SMTP_REPLY_MAIL_OK
	                                                       : SMTP_REPLY_LOCAL_NOT_YOURS;
}

enum smtp_reply smtp_check_reverse_path(struct smtp_session *s, const struct smtp_path *path)
{
	str address = STR("");

	if (s->local)
		return check_local_path(s, path);
	if (!s->identity)
		return SMTP_REPLY_MAIL_OK;
	if (path->text.len > 0 &&
	    address_join(&s->session.command_arena, path->local_part, path->domain, &address).code != ERR_OK)
		return SMTP_REPLY_FOREIGN_REVERSE_PATH;
	switch (ask(s, address)) {
	case SENDER_OWN:
		return SMTP_REPLY_MAIL_OK;
	case SENDER_FOREIGN:
		return path->text.len > 0 ? SMTP_REPLY_FOREIGN_REVERSE_PATH : SMTP_REPLY_MAIL_OK;
	case SENDER_GONE:
		break;
	}
	return SMTP_REPLY_LOGIN_GONE;
}

/* --- how much --- */

/* The app that logged in, if it is one and still there. */
static const struct app *app_of(const struct directory *directory, str login)
{
	const struct app *app = NULL;

	return login.len > 0 && directory_find_app(directory, login, &app) == DIRECTORY_FOUND ? app : NULL;
}

bool smtp_limit_take(struct smtp_session *s, int64_t *wait_ms)
{
	const struct directory *directory;
	const struct app *app;
	bool taken;

	if (!s->identity || s->identity->app.len == 0)
		return true;
	directory = directory_acquire(s->server->store);
	app = app_of(directory, s->identity->login);
	if (s->tx->limit_taken == 0)
		s->tx->limit_since_tick_ms = clock_tick_ms();
	taken = !app || app_take(app, 1, wait_ms);
	directory_release(directory);
	s->tx->limit_taken += taken;
	return taken;
}

void smtp_limit_give_back(struct smtp_tx *tx, uint32_t recipients)
{
	const struct directory *directory;
	const struct app *app;

	if (recipients > tx->limit_taken)
		recipients = tx->limit_taken;
	if (recipients == 0)
		return;
	directory = directory_acquire(tx->server->store);
	app = app_of(directory, tx->login);
	if (app)
		app_give_back(app, recipients, tx->limit_since_tick_ms);
	directory_release(directory);
	tx->limit_taken -= recipients;
}

/* --- the message --- */

err smtp_submission_begin(struct smtp_session *s)
{
	struct smtp_tx *tx = s->tx;
	struct buf date, message_id;

	if (!s->role->submission)
		return OK;
	buf_init(&date, &tx->arena, LIMIT_SMTP_REPLY);
	buf_add(&date, STR("Date: "));
	clock_add_rfc5322(&date, tx->received_ms);
	buf_add(&date, CRLF);
	buf_init(&message_id, &tx->arena, LIMIT_SMTP_REPLY);
	buf_add(&message_id, STR("Message-ID: <"));
	buf_add(&message_id, tx->id);
	buf_add_char(&message_id, '@');
	buf_add(&message_id, s->server->hostname);
	buf_add(&message_id, STR(">\r\n"));
	TRY(buf_err(&date));
	TRY(buf_err(&message_id));
	TRY(smtp_content_submit(&tx->content, &tx->arena, buf_str(&date), buf_str(&message_id)));
	if (s->role->local)
		amend_drop_bcc(&tx->content.amend);
	return OK;
}

/* Whose address that is, as far as it can stand in a reply. */
static err named(struct arena *arena, str address)
{
	struct buf text;

	buf_init(&text, arena, LIMIT_PATH);
	for (size_t i = 0; i < address.len && i < LIMIT_DOMAIN; i++)
		buf_add_char(&text, address.ptr[i] > ' ' && address.ptr[i] <= '~' ? address.ptr[i] : '?');
	return (err){ ERR_DENIED, 0, arena_z(arena, buf_str(&text)) };
}

static bool is_checked(const struct smtp_session *s)
{
	return s->local ? !s->local->login.anybody : s->identity != NULL;
}

/* As ask(), for whoever it is. */
static enum sender_answer ask_any(struct smtp_session *s, str address)
{
	if (s->local)
		return local_login_may_send(&s->local->login, address) ? SENDER_OWN : SENDER_FOREIGN;
	return ask(s, address);
}

enum smtp_reply smtp_check_origin(struct smtp_session *s, err *why)
{
	struct origin *origin = s->tx->content.origin;

	if (!is_checked(s) || !origin)
		return SMTP_REPLY_ACCEPTED;
	*why = origin_finish(origin);
	if (why->code == ERR_NOSPACE)
		return SMTP_REPLY_NO_SPACE;
	if (why->code != ERR_OK)
		return SMTP_REPLY_BAD_ORIGIN;
	for (const struct origin_address *a = origin->addresses; a; a = a->next) {
		enum sender_answer answer = ask_any(s, a->address);

		if (answer == SENDER_GONE)
			return SMTP_REPLY_LOGIN_GONE;
		if (answer == SENDER_OWN)
			continue;
		*why = named(&s->tx->arena, a->address);
		return s->local ? SMTP_REPLY_LOCAL_NOT_YOURS : SMTP_REPLY_FOREIGN_ORIGIN;
	}
	return SMTP_REPLY_ACCEPTED;
}
