"""The company's part at Yandex Cloud: an organization with three folders, in the shapes of Audit Trails."""
