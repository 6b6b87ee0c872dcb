#include "cli/doctor_internal.h"

/* The word for one and for several. */
static const char *plural(uint64_t n) { return n == 1 ? "" : "s"; }

void check_queue(struct doctor *d)
{
	json_t *queue = NULL;

	if (ask_with(d->line, d->config, "queue.status", json_object(), &queue) != EXIT_FINE) {
		check_add(d, "queue", CHECK_ERROR, "see the message above", "it can't be read");
		return;
	}
	uint64_t recipients = json_number(queue, "recipients"), held = json_number(queue, "held"),
		 waiting = json_number(queue, "waiting"), sites = json_number(queue, "sites_held");
	if (recipients == 0)
		check_add(d, "queue", CHECK_OK, NULL, "nothing waits to be sent");
	else
		check_add(d, "queue", CHECK_OK, NULL,
		          "%llu recipient%s to send to, %llu of them waiting for another try, the oldest "
		          "since %.10s",
		          (unsigned long long)recipients, plural(recipients), (unsigned long long)waiting,
		          json_text(queue, "oldest"));
	if (json_is_true(json_object_get(queue, "frozen")))
		check_add(d, "frozen", CHECK_WARNING, "postrider queue thaw",
		          "sending was stopped by postrider queue freeze");
	if (held)
		check_add(
			d, "held", CHECK_WARNING,
			"look at them: postrider queue list; then postrider queue release, or remove",
			"%llu recipient%s held back: by postrider queue hold, or since the store was rebuilt",
			(unsigned long long)held, held == 1 ? " is" : "s are");
	if (sites)
		check_add(d, "sites", CHECK_WARNING,
		          "postrider queue list says what they answered; retry tries them at once",
		          "%llu site%s not reached of late and left alone for now", (unsigned long long)sites,
		          sites == 1 ? " was" : "s were");
	if (json_number(queue, "routes_failed"))
		check_add(d, "routes", CHECK_ERROR,
		          "the log's route.failed says how each failed; postrider route list",
		          "none of the smarthosts of %llu route%s can be used now",
		          (unsigned long long)json_number(queue, "routes_failed"),
		          plural(json_number(queue, "routes_failed")));
	json_decref(queue);
}
