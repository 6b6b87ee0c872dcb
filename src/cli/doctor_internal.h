/* cli/doctor_internal.h: one finding after another; for doctor's files only. */
#ifndef CLI_DOCTOR_INTERNAL_H
#define CLI_DOCTOR_INTERNAL_H

#include "cli/ask.h"

enum check_state { CHECK_OK, CHECK_WARNING, CHECK_ERROR };

struct dial;

struct doctor {
	struct command_line *line;
	const struct config *config;
	json_t *checks;
	enum check_state worst;
	bool running;                            /* a server answered */
	struct doctor_certificate *certificates; /* doctor_tls.c's: one for each of the configuration */
};

/* Notes a finding. `remedy` says what to do; NULL where nothing is. `what` is formatted. */
void check_add(struct doctor *d, const char *name, enum check_state state, const char *remedy,
               const char *what, ...) __attribute__((format(printf, 5, 6)));

/* Is there a server, and does each listener greet? */
void check_server(struct doctor *d);
void check_listeners(struct doctor *d);

/* Can programs of this machine hand in mail (run/submit.sock)? */
void check_submit(struct doctor *d);

/* What the machine gives: disk, descriptors, the data directory's mode, the host name. */
void check_disk(struct doctor *d);
void check_descriptors(struct doctor *d);
void check_data_dir(struct doctor *d);
void check_hostname(struct doctor *d);

/* Certificates: their files are root's as a rule, so they are read before root becomes the data's owner. Is
 * each valid, for how long, and is one for the host name? Is what a listener shows in one of them? */
void read_certificates(struct doctor *d);
bool shows_what_is_on_disk(const struct doctor *d, const struct dial *dial);
void check_certificates(struct doctor *d);

/* What the store says: is it taking mail, is the log of writes in bounds, are records damaged? */
void check_store(struct doctor *d);
void check_quarantine(struct doctor *d);

/* Is there somebody for every domain, and does postmaster reach a person (RFC 5321 §4.5.1)? */
void check_domains(struct doctor *d);

/* Can everybody log in by SCRAM where it is offered? */
void check_scram(struct doctor *d);

/* Are there apps that never came, or that are refused? */
void check_apps(struct doctor *d);

/* What waits to be sent, what is held, and is sending stopped? */
void check_queue(struct doctor *d);

#endif
