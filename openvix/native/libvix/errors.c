/*
 * Copyright (c) 2026 vmlab
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Texts of errors.
 */

#define _GNU_SOURCE
#include "errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Texts that were returned stay valid as long as the library, so explanations are kept. Equal ones are kept once. */
struct explanation {
    int code;
    char *text;
    struct explanation *next;
};

static struct explanation *explanations;
static const struct explanation *current;

static void make_current(const struct explanation *explanation)
{
    /* Other threads may read it at any time. */
    __atomic_store_n(&current, explanation, __ATOMIC_RELEASE);
}

void error_forget(void)
{
    make_current(NULL);
}

void error_explain(VixError error, const char *format, ...)
{
    error_forget();
    char *found = NULL;
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&found, format, arguments);
    va_end(arguments);
    char *text = NULL;
    if (size >= 0 && asprintf(&text, "%s: %s", text_of((int)error), found) < 0) {
        text = NULL;
    }
    if (size >= 0) {
        free(found);
    }
    struct explanation *explanation = explanations;
    while (text != NULL && explanation != NULL && strcmp(explanation->text, text) != 0) {
        explanation = explanation->next;
    }
    if (text == NULL) {
        return;
    }
    if (explanation != NULL) {
        free(text);
        make_current(explanation);
        return;
    }
    explanation = malloc(sizeof *explanation);
    if (explanation == NULL) {
        free(text);
        return;
    }
    *explanation = (struct explanation){.code = (int)error, .text = text, .next = explanations};
    explanations = explanation;
    make_current(explanation);
}

const char *Vix_GetErrorText(VixError err, const char *locale)
{
    /* There is one language only; the text of that error is in it, too. */
    int code = locale == NULL ? (int)VIX_ERROR_CODE(err) : VIX_E_INVALID_ARG;
    const struct explanation *explanation = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
    return explanation != NULL && explanation->code == code ? explanation->text : text_of(code);
}
