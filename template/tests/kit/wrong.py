"""A service that answers what its document does not list."""

from fastapi import FastAPI, Response

app = FastAPI()


@app.get("/wrong")
async def wrong() -> Response:
    return Response(status_code=418)
