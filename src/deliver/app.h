/* deliver/app.h: what an app may send as: less than its account, or something else.
 *
 * A person sends as whoever has mail that comes to them (deliver/sender.h); an app as one of the addresses it
 * was given, and that alone. What it may send at all, its rate, is store/app.h's. Pure; any thread.
 */
#ifndef DELIVER_APP_H
#define DELIVER_APP_H

#include "base/arena.h"
#include "store/directory.h"

/* May the app send from `address` (normalised, deliver/address.h)? It is one of its addresses, one of them
 * with a "+detail", or of a domain that it was given as a whole. `arena` holds what is needed on the way;
 * false also without memory. */
bool app_sends_from(const struct app *app, struct arena *arena, str address);

#endif
