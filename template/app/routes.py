"""The routers this service answers with. Yours: updates of the template leave this file alone."""

from fastapi import APIRouter

from app.items.router import router as items_router
from app.users.router import router as users_router

api_router = APIRouter(prefix="/api/v1")
api_router.include_router(users_router)
api_router.include_router(items_router)
