"""The one private name of a library that we use."""

from app.core.settings import Settings
from workers import fcm
from workers.fcm import FirebasePush, Note


async def test_the_private_name_of_firebase_admin_is_still_there_and_put_back(settings: Settings) -> None:
    real = fcm.messaging._MessagingService.FCM_URL
    push = FirebasePush(settings.fcm)
    assert push._service._fcm_url.startswith(settings.fcm.base_url)
    assert real == fcm.messaging._MessagingService.FCM_URL == "https://fcm.googleapis.com/v1/projects/{0}/messages:send"
    note = Note("Chào", "Nội dung", {})
    assert (await push.send("token", "nobody", note)).kind == "gone"
    assert (await push.send("fid", "nobody", note)).kind == "gone"
    await push.close()
