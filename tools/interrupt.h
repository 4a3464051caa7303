/* interrupt.h - Ctrl-C and SIGTERM as a readable descriptor instead of a handler.
 *
 * Opened by the main thread before any other thread starts, so that all of them inherit the mask. */
#ifndef VARVE_TOOLS_INTERRUPT_H
#define VARVE_TOOLS_INTERRUPT_H

#include "base/err.h"

#include <stdbool.h>

int  interrupt_open(struct err *err); /* the descriptor, or ERR_IO */
void interrupt_close(int fd);         /* gives both signals their usual effect again */
bool interrupt_came(int fd);          /* and takes it; fd may be -1 */

#endif
