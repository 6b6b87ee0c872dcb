/* base/version.h: which postrider this is. The build says it (meson.build); what reads sources alone may not.
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#ifndef POSTRIDER_VERSION
#define POSTRIDER_VERSION "unbuilt"
#endif

#endif
