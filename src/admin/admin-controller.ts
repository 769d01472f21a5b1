import {
  applyDecorators,
  Controller,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';

import { AdminGuard } from './admin.guard.js';
import { ChangeRecordInterceptor } from './change-record.interceptor.js';
import { ProblemFilter } from './problem.filter.js';
import { adminValidation } from './validation.js';

/** A controller of the admin API: guarded, recorded, validated, and answering with problem documents. */
export function AdminController(path: string, tag: string): ClassDecorator {
  return applyDecorators(
    Controller(path),
    UseGuards(AdminGuard),
    UseFilters(ProblemFilter),
    UseInterceptors(ChangeRecordInterceptor),
    UsePipes(adminValidation()),
    ApiTags(tag),
  );
}
