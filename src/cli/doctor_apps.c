/* Do the apps reach us? One that never came, or was refused last, is most often a form that
 * somebody filled in wrongly and never looked at again. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/doctor_internal.h"

static const int64_t never_used_ms = INT64_C(7) * 86400000, refused_ms = INT64_C(2) * 86400000;

/* Times are RFC 3339 in UTC, all of one length: they compare as texts. */
static bool is_since(const char *time, int64_t ago_ms)
{
	char octets[40] = { 0 };
	struct buf then;

	buf_init_fixed(&then, octets, sizeof octets - 1);
	clock_add_rfc3339(&then, clock_now() - ago_ms);
	return strcmp(time, octets) > 0;
}

static bool check_app(struct doctor *d, const json_t *app)
{
	const char *user = json_text(app, "user"), *used = json_text(app, "last_used");
	const char *refused = json_text(app, "last_refused");

	if (*refused && strcmp(refused, used) > 0 && is_since(refused, refused_ms)) {
		err remedy =
			err_new(d->line->arena, ERR_OK,
		                "put its password right where it is set up, or make a new one: postrider app "
		                "settings %s --new-password",
		                user);
		check_add(d, "app", CHECK_WARNING, remedy.what,
		          "%s was refused at its last login (%.16s UTC, from %s)", user, refused,
		          json_text(app, "last_refused_from"));
		return false;
	}
	if (!*used && !is_since(json_text(app, "created"), never_used_ms)) {
		err remedy = err_new(
			d->line->arena, ERR_OK,
			"set it up with what postrider app settings %s prints, or revoke it: postrider "
			"app revoke %s",
			user, user);
		check_add(d, "app", CHECK_WARNING, remedy.what, "%s was never used since %.10s", user,
		          json_text(app, "created"));
		return false;
	}
	return true;
}

static bool can_send(const struct config *config)
{
	return config->listen[CONFIG_SUBMISSION].count + config->listen[CONFIG_SUBMISSIONS].count > 0;
}

void check_apps(struct doctor *d)
{
	json_t *apps = NULL;
	size_t well = 0;

	if (ask_with(d->line, d->config, "app.list", json_object(), &apps) != EXIT_FINE)
		return;
	size_t count = json_array_size(apps);
	for (size_t i = 0; i < count; i++)
		well += check_app(d, json_array_get(apps, i));
	if (count && !can_send(d->config))
		check_add(d, "apps", CHECK_ERROR,
		          "set [listen] submissions = [\"[::]:465\"] or submission = [\"[::]:587\"] in the "
		          "configuration and restart the server",
		          "%zu apps have a login, but no port for sending is open", count);
	else if (count && well == count)
		check_add(d, "apps", CHECK_OK, NULL, "%zu app%s, none in trouble", count,
		          count == 1 ? "" : "s");
	json_decref(apps);
}
