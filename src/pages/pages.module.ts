import { Module, type DynamicModule } from '@nestjs/common';

import { EndpointsModule } from '../endpoints/endpoints.module.js';
import { AccountDesk } from './account-desk.js';
import { AccountController } from './account.controller.js';
import { AssetsController } from './assets.controller.js';
import { AuthorizationDesk } from './authorization-desk.js';
import { AuthorizeController } from './authorize.controller.js';
import { BrowserCookies } from './browser-cookies.js';
import { ConsentController } from './consent.controller.js';
import { FormTokens } from './form-tokens.js';
import { Interactions } from './interactions.js';
import { LedgerPageController } from './ledger-page.controller.js';
import { PageAssets } from './page-assets.js';
import { PagePaths } from './page-paths.js';
import { PageRenderer } from './page-renderer.js';
import { PageSender } from './page-sender.js';
import { PageSettings } from './page-settings.js';
import { PageTemplates } from './page-templates.js';
import { PageTexts } from './page-texts.js';
import { PasswordDesk } from './password-desk.js';
import { SelectAccountController } from './select-account.controller.js';
import { SignInDesk } from './sign-in-desk.js';
import { SignInController } from './sign-in.controller.js';
import { SignOutController } from './sign-out.controller.js';
import { Theme } from './theme.js';
import { Visitors } from './visitors.js';
import { WaitingRequests } from './waiting-requests.js';

/**
 * The pages at which people sign in, agree, look after their accounts and sign out. Needs what
 * `TokenExchangeModule` shares with `signIn` among its options, and the port `AuditReader`.
 */
@Module({
  imports: [EndpointsModule],
  controllers: [
    AuthorizeController,
    SignInController,
    SelectAccountController,
    ConsentController,
    AccountController,
    LedgerPageController,
    SignOutController,
    AssetsController,
  ],
  providers: [
    AccountDesk,
    AuthorizationDesk,
    BrowserCookies,
    FormTokens,
    Interactions,
    PageAssets,
    PagePaths,
    PageRenderer,
    PageSender,
    PageTemplates,
    PageTexts,
    PasswordDesk,
    SignInDesk,
    Theme,
    Visitors,
    WaitingRequests,
  ],
})
export class PagesModule {
  static with(settings: PageSettings): DynamicModule {
    return { module: PagesModule, providers: [{ provide: PageSettings, useValue: settings }] };
  }
}
