#!/usr/bin/env node
/** The `w4a16` command, so that `npx w4a16` finds it. */
import "@w4a16/checkpoint/cli";
