/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Texts of errors.
 */

#include "vix.h"

#include <stddef.h>

static const struct {
    int code;
    const char *text;
} texts[] = {
#include "error_texts.inc"
};

static const char *text_of(int code)
{
    size_t low = 0;
    size_t high = sizeof texts / sizeof *texts;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (texts[middle].code == code) {
            return texts[middle].text;
        }
        if (texts[middle].code < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return "Unknown error";
}

const char *Vix_GetErrorText(VixError err, const char *locale)
{
    /* There is one language only; the text of that error is in it, too. */
    return text_of(locale == NULL ? (int)VIX_ERROR_CODE(err) : VIX_E_INVALID_ARG);
}
