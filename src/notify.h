/* notify.h: telling the service manager how we are (sd_notify(3)): one datagram, nothing where none asks. */
#ifndef NOTIFY_H
#define NOTIFY_H

/* Sends `state` ("READY=1") to $NOTIFY_SOCKET. */
void notify_send(const char *state);

/* RELOADING=1 with the time that systemd wants beside it; READY=1 has to follow. */
void notify_reloading(void);

#endif
