#include "bounce/advice.h"

/* Until a row is found the class speaks. */
const struct advice *advice_find(unsigned code, struct bounce_status status, str text, str host)
{
	static const struct advice later = { STR_INIT("later"),
		                             STR_INIT("The other mail server could not take the message."),
		                             STR_INIT("Send it again later.") };
	static const struct advice refused = {
		STR_INIT("refused"), STR_INIT("The other mail server refused the message."),
		STR_INIT("Ask the recipient by other means, and show them the words below.")
	};
	unsigned class = status.class ? status.class : code / 100;

	(void)text;
	(void)host;
	return class == 4 ? &later : class == 5 ? &refused : NULL;
}
