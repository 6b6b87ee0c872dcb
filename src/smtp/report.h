/* smtp/report.h: what a session tells the log and `trace`: message.accepted, message.rejected,
 * recipient.rejected. Every line names the message, who spoke, and for whom. Loop thread.
 *
 * Lists (forward_paths, accounts, queued) are split over as many lines of one event as they need, so that an
 * address of a long list is found like any other.
 */
#ifndef SMTP_REPORT_H
#define SMTP_REPORT_H

#include "smtp/reply.h"

struct smtp_session;
struct smtp_tx;

/* Writes the lines into tx->event: the commit carries them to the event files. ERR_NOSPACE. */
err smtp_report_prepare_accepted(struct smtp_session *s, struct smtp_tx *tx) MUST_USE;

/* The commit is durable: they go to the log. */
void smtp_report_accepted(const struct smtp_tx *tx);

void smtp_report_message_rejected(struct smtp_session *s, const struct smtp_tx *tx, enum smtp_reply reply,
                                  str detail);
void smtp_report_recipient_rejected(struct smtp_session *s, str forward_path, enum smtp_reply reply);

#endif
