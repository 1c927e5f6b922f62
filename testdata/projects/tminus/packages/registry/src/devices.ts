export interface Device {
  id: string;
  platform: string;
}

export async function insertDevice(db: D1Database, device: Device, userId: string): Promise<void> {
  await db
    .prepare("INSERT INTO devices (id, user_id, platform) VALUES (?, ?, ?)")
    .bind(device.id, userId, device.platform)
    .run();
}

export async function devicesOf(db: D1Database, userId: string): Promise<Device[]> {
  const { results } = await db
    .prepare("SELECT id, platform FROM devices WHERE user_id = ? ORDER BY id")
    .bind(userId)
    .all<Device>();
  return results;
}
