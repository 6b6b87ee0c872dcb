/* tests/preload/next.h: the function that a preloaded one stands before, so that several can be chained. */
#ifndef PRELOAD_NEXT_H
#define PRELOAD_NEXT_H

#include <dlfcn.h>

#define NEXT(name) \
	__extension__({ \
		static __typeof__(&name) next_; \
		if (next_ == NULL) \
			*(void **)&next_ = dlsym(RTLD_NEXT, #name); \
		next_; \
	})

#endif
